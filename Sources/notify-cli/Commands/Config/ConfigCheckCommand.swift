import ArgumentParser
import Logging

/// `notify-cli config check`: whether `serve` would take these settings.
struct ConfigCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether a server can start with these settings.",
        discussion: """
            Reads the configuration file, the environment and the options as 'serve' does, and checks all that can be \
            checked without a start: names, bounds, patterns, and files that have to exist. Exit status 64 where \
            something is wrong. Variables that begin with NOTIFY_ and are none are noted.

            Examples:
              notify-cli config check --config /etc/notify.yaml
              notify-cli config check --config /etc/notify.yaml && systemctl restart notify
            """
    )

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try options.config.settings()
            _ = try await ConfigCommand.plan(options, settings)
            for note in settings.notesOnVariables { StandardError.write("Note: \(note)") }
            let set = settings.asked.all.count { $0.entry.origin != nil }
            let place = settings.filePath.map { " of \($0)" } ?? ""
            try StandardOutput.write(
                line: "The settings\(place) are right: \(set) set, \(settings.asked.all.count - set) by default."
            )
        }
    }
}

extension ConfigCommand {
    /// The plan that `serve` would make. What is wrong with it is wrong usage here, whatever it is.
    static func plan(_ options: ServeOptions, _ settings: Settings) async throws -> ServePlan {
        do {
            return try await options.plan(settings, Logger(label: "notify") { _ in SwiftLogNoOpLogHandler() })
        } catch {
            throw UsageError("\(error)")
        }
    }
}
