import ArgumentParser
import Foundation
import NotifyClient

/// What every subcommand that talks to a server takes.
struct ClientOptions: ParsableArguments {
    static let defaultURL = "http://127.0.0.1:8080"

    @Option(
        help: ArgumentHelp("The server's address, or unix:PATH (default: \(ClientOptions.defaultURL)). NOTIFY_URL.")
    )
    var url: String?

    @Option(
        help: ArgumentHelp(
            "A file with the token or API key for the server. NOTIFY_TOKEN_FILE.",
            discussion:
                "The token itself may stand in NOTIFY_TOKEN; not in an option, since other users see command lines.",
            valueName: "file"
        ),
        completion: .file()
    )
    var tokenFile: String?

    @Option(help: "A file of certificates in PEM to trust, in the place of the system's. NOTIFY_CA.")
    var ca: String?

    @Flag(help: "Print for programs: one JSON object a line. NOTIFY_JSON.")
    var json = false

    @OptionGroup var configuration: ConfigOptions

    /// Does the work with a client, and closes its connections afterwards.
    func withClient(
        _ settings: Settings,
        _ work: (NotifyClient) async throws -> Void
    ) async throws {
        var configuration = NotifyClient.Configuration()
        configuration.token = try settings.token(file: tokenFile)
        configuration.trustedCertificates = try settings.string(.ca, option: ca)
        let url = try settings.string(.url, option: url) ?? Self.defaultURL
        let client = try NotifyClient(url: url, configuration: configuration)
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
    /// The token for the server: of the file that is named on the command line, else of NOTIFY_TOKEN, else of the file that is
    /// named elsewhere.
    func token(file option: String?) throws -> String? {
        if option == nil, let token = try string(.token) { return try Self.checked(token, "NOTIFY_TOKEN") }
        guard let path = try string(.tokenFile, option: option) else { return nil }
        guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 10,
            let text = String(data: data, encoding: .utf8)
        else {
            throw UsageError("--token-file \(path.escapedForTerminal) cannot be read: give a file with a token in it.")
        }
        return try Self.checked(text.trimmingCharacters(in: .whitespacesAndNewlines), "--token-file")
    }

    /// What can stand in a header field.
    private static func checked(_ token: String, _ source: String) throws -> String {
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw UsageError("\(source) has no token: a token is one word of ASCII, such as 'nk_…' or 'eyJ…'.")
        }
        return token
    }

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
