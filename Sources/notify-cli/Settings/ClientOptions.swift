import ArgumentParser
import NotifyClient

/// What every subcommand that talks to a server takes.
struct ClientOptions: ParsableArguments {
    static let defaultURL = "http://127.0.0.1:8080"

    @Option(help: ArgumentHelp("The server's address (default: \(ClientOptions.defaultURL)). NOTIFY_URL."))
    var url: String?

    @Flag(help: "Print for programs: one JSON object a line. NOTIFY_JSON.")
    var json = false

    @OptionGroup var configuration: ConfigOptions

    /// Does the work with a client, and closes its connections afterwards.
    func withClient(
        _ settings: Settings,
        _ work: (NotifyClient) async throws -> Void
    ) async throws {
        let client = try NotifyClient(url: try settings.string(.url, option: url) ?? Self.defaultURL)
        do {
            try await work(client)
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    func printsJSON(_ settings: Settings) throws -> Bool {
        try settings.bool(.json, option: json ? true : nil) ?? false
    }
}

extension Settings {
    /// The one group that a subcommand works on.
    func group(option: String?) throws -> String {
        let groups = try strings(.group, options: option.map { [$0] } ?? [])
        guard let group = groups.first else {
            throw UsageError("No group is named: give one with --group, or in NOTIFY_GROUP.")
        }
        guard groups.count == 1 else {
            throw UsageError("\(groups.count) groups are named, and only one can be used here: choose with --group.")
        }
        return group
    }
}
