import ArgumentParser
import Broker
import Foundation
import Gateway

/// `notify-cli key`: API keys of programs, in a file that a server reads.
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make, list and remove API keys.",
        discussion: """
            API keys are for programs. A file holds their names, their rights and what they hash to; the keys themselves are \
            shown once. A running server reads the file again when it changes, and ends what was opened with a key that is gone.

            Examples:
              notify-cli key create --api-keys keys.json --name shop --publish 'orders.*'
              notify-cli key list --api-keys keys.json
              notify-cli key remove --api-keys keys.json --name shop
              notify-cli serve --api-keys keys.json
            """,
        subcommands: [KeyCreateCommand.self, KeyListCommand.self, KeyRemoveCommand.self]
    )
}

/// Where the keys are.
struct KeyFileOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The file with the keys. NOTIFY_API_KEYS.", valueName: "file"),
        completion: .file()
    )
    var apiKeys: String?

    @OptionGroup var config: ConfigOptions

    func path(_ settings: Settings) throws -> String {
        guard let path = try settings.string(.apiKeys, option: apiKeys) else {
            throw UsageError("No file is named: give one with --api-keys, or in NOTIFY_API_KEYS.")
        }
        return path
    }
}

/// `notify-cli key create`
struct KeyCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make an API key, and print it.",
        discussion: """
            The key is printed once, and is nowhere else: put it where its program finds it.

            Examples:
              notify-cli key create --api-keys keys.json --name shop --publish 'orders.*'
              notify-cli key create --api-keys keys.json --name prometheus --admin
            """
    )

    @OptionGroup var file: KeyFileOptions

    @Option(help: "What you call it. No two keys have the same name.")
    var name: String

    @OptionGroup(title: "Rights") var rights: RightOptions

    func run() async throws {
        try await reportingErrors {
            let store = KeyStore(path: try file.path(try file.config.settings()))
            guard !name.isEmpty, name.utf8.count <= 100, !name.unicodeScalars.contains(where: { $0.value < 0x20 })
            else {
                throw UsageError("--name is a text of 1 to 100 bytes on one line.")
            }
            try rights.validate()
            guard rights.isAny else {
                throw UsageError(
                    "The key would have no right: give --publish, --subscribe, --delete, --admin or --layer."
                )
            }
            let key = APIKeyFile.newKey()
            try store.change(mayLack: true) { file in
                guard !file.keys.contains(where: { $0.name == name }) else {
                    throw UsageError(
                        "There is a key '\(name.escapedForTerminal)' already: remove it, or choose another name."
                    )
                }
                file.keys.append(
                    APIKeyFile.Entry(
                        name: name,
                        sha256: APIKeyFile.digest(of: key),
                        publish: rights.publish,
                        subscribe: rights.subscribe,
                        delete: rights.delete,
                        admin: rights.admin,
                        layer: rights.layer,
                        createdAt: "\(Timestamp.now())"
                    )
                )
            }
            try StandardOutput.write(line: key)
        }
    }
}

/// `notify-cli key list`
struct KeyListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the API keys of a file, without the keys themselves.",
        discussion: "Example:\n  notify-cli key list --api-keys keys.json"
    )

    @OptionGroup var file: KeyFileOptions

    @Flag(help: "Print for programs: one JSON object a line. NOTIFY_JSON.")
    var json = false

    func run() async throws {
        try await reportingErrors {
            let settings = try file.config.settings()
            let keys = try KeyStore(path: try file.path(settings)).read().keys
            let isJSON = try settings.bool(.json, option: json ? true : nil) ?? false
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for key in keys {
                if isJSON {
                    try StandardOutput.write(line: String(decoding: try encoder.encode(key), as: UTF8.self))
                } else {
                    try StandardOutput.write(line: "\(key.name.escapedForTerminal)\t\(key.rightsText)")
                }
            }
        }
    }
}

extension APIKeyFile.Entry {
    /// The rights, for people.
    fileprivate var rightsText: String {
        var parts: [String] = []
        for (name, groups) in [("publish", publish), ("subscribe", subscribe), ("delete", delete)] {
            if let groups, !groups.isEmpty { parts.append("\(name) \(groups.joined(separator: ","))") }
        }
        if admin ?? false { parts.append("admin") }
        if layer ?? false { parts.append("layer") }
        return parts.joined(separator: "; ").escapedForTerminal
    }
}

/// `notify-cli key remove`
struct KeyRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an API key: what was opened with it ends.",
        discussion: "Example:\n  notify-cli key remove --api-keys keys.json --name shop"
    )

    @OptionGroup var file: KeyFileOptions

    @Option(help: "The name of the key.")
    var name: String

    func run() async throws {
        try await reportingErrors {
            try KeyStore(path: try file.path(try file.config.settings())).change { file in
                let count = file.keys.count
                file.keys.removeAll { $0.name == name }
                guard file.keys.count < count else {
                    throw UsageError(
                        "There is no key '\(name.escapedForTerminal)': 'notify-cli key list' shows those there are."
                    )
                }
            }
        }
    }
}
