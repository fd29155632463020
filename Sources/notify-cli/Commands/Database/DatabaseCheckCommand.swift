import ArgumentParser
import Broker

/// `notify-cli database check`: looks for damage.
struct DatabaseCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look for damage in a database.",
        discussion: """
            Reads the whole file: its structure, the counts of groups, and every message against its checksum. Prints what \
            is wrong, a line each. The exit status is 1 if anything is.

            Examples:
              notify-cli database check
              notify-cli database check --database /var/lib/notify/notify.sqlite --json
            """
    )

    @OptionGroup var options: DatabaseOptions

    private struct Report: Encodable {
        let database: String
        let findings: [String]
    }

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            let tools = try options.tools(settings)
            let findings = try tools.check()
            try options.print(
                settings,
                json: Report(database: tools.path, findings: findings.map(\.description)),
                text: findings.isEmpty
                    ? "\(tools.path) is whole." : findings.map(\.description).joined(separator: "\n")
            )
            guard findings.isEmpty else {
                throw DamagedDatabase(path: tools.path, findings: findings)
            }
        }
    }
}

/// One piece of advice for all findings.
struct DamagedDatabase: Error, CustomStringConvertible {
    let path: String
    let findings: [DatabaseFinding]

    var description: String {
        findings.allSatisfy { $0.message != nil }
            ? "\(path) is damaged in the messages above, and nowhere else: delete them, and check it again."
            : "\(path) is damaged: stop the server and restore a backup."
    }
}
