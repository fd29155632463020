import ArgumentParser
import Foundation

/// `notify-cli config show`: each setting of `serve`, its value, and where it came from.
struct ConfigShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print each setting of a server, and where it comes from.",
        discussion: """
            A value comes from an option, a variable, the configuration file, or is the default. Passwords and tokens are \
            printed as ***.

            Examples:
              notify-cli config show --config /etc/notify.yaml
              notify-cli config show --changed
              notify-cli config show --json | jq -r 'select(.source != "default") | .name'
            """
    )

    @Flag(help: "Print only what somebody has set.")
    var changed = false

    @Flag(help: "Print for programs: one JSON object a line. NOTIFY_JSON.")
    var json = false

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try options.config.settings()
            _ = try await ConfigCommand.plan(options, settings)
            let rows = settings.asked.all.map { ShownSetting($0.key, $0.entry) }.filter { !changed || $0.isSet }
            let printer = Printer(json: try settings.bool(.json, option: json ? true : nil) ?? false)
            if printer.json {
                for row in rows { try StandardOutput.write(line: printer.jsonLine(row)) }
                return
            }
            let width = rows.map(\.name.count).max() ?? 0
            let valueWidth = min(40, rows.map(\.text.count).max() ?? 0)
            for row in rows {
                let line = "\(row.name.padded(to: width))  \(row.text.padded(to: valueWidth))  \(row.place)"
                try StandardOutput.write(line: line.replacingLineFeeds(with: " ").escapedForTerminal)
            }
        }
    }
}

/// A setting as `config show` prints it.
struct ShownSetting: Encodable, Equatable {
    let name: String
    /// One value, or several; none where nothing counts by default.
    let value: Value
    /// What happens where there is no value.
    private let absent: String
    let source: Source
    /// The option, the variable, or the file; nil for a default.
    let origin: String?
    /// Of the file.
    let line: Int?

    enum CodingKeys: String, CodingKey {
        case name, value, source, origin, line
    }

    enum Value: Encodable, Equatable {
        case none
        case text(String)
        case texts([String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .none: try container.encodeNil()
            case .text(let text): try container.encode(text)
            case .texts(let texts): try container.encode(texts)
            }
        }
    }

    enum Source: String, Encodable {
        case option, variable, file
        case byDefault = "default"
    }

    private static let hidden = "***"

    init(_ key: SettingKey, _ entry: AskedSettings.Entry) {
        name = key.name
        switch entry.origin {
        case .option(let option)?: (source, origin, line) = (.option, option, nil)
        case .variable(let variable)?: (source, origin, line) = (.variable, variable, nil)
        case .file(let path, _, let number)?: (source, origin, line) = (.file, path, number)
        case nil: (source, origin, line) = (.byDefault, nil, nil)
        }
        switch entry.value {
        case .text(let text)?: value = .text(key.isSecret ? Self.hidden : Self.withoutPassword(text))
        case .texts(let texts)?: value = .texts(texts.map { key.isSecret ? Self.hidden : Self.withoutPassword($0) })
        case nil:
            value = if case .value(let text)? = entry.standard { .text(text) } else { .none }
        }
        absent = if case .words(let words)? = entry.standard { "(\(words))" } else { "-" }
    }

    var isSet: Bool { source != .byDefault }

    var text: String {
        switch value {
        case .none: absent
        case .text(let text): text
        case .texts(let texts): texts.joined(separator: ", ")
        }
    }

    /// Where it came from, for people.
    var place: String {
        switch source {
        case .option: "option"
        case .variable: "variable \(origin ?? "")"
        case .file: "file \(origin ?? ""), line \(line ?? 1)"
        case .byDefault: "default"
        }
    }

    /// The text without what stands between `://` and `@` in an address: a name and its password.
    private static func withoutPassword(_ text: String) -> String {
        guard let scheme = text.range(of: "://"),
            let at = text[scheme.upperBound...].prefix(while: { !"/?#".contains($0) }).lastIndex(of: "@")
        else { return text }
        return text[..<scheme.upperBound] + hidden + text[at...]
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
