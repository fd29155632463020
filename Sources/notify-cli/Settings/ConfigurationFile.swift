import Foundation

/// The configuration file: options by their long names, in YAML or JSON.
///
/// Both have the same rules. A value is a text, a number or a truth value; a repeatable option may have a list of them. All
/// else is refused with its line, since a mistyped key would otherwise do nothing, silently.
struct ConfigurationFile: Sendable {
    let path: String
    private let entries: [String: Entry]

    /// A key with its value, as they were read.
    struct Entry: Sendable {
        let key: String
        /// Nil where it is neither a text nor a list of texts.
        let value: SettingValue?
        /// Counted from 1.
        let line: Int
    }

    /// A larger file is refused: a list of options has some KiB.
    static let maximumBytes = 1 << 20

    /// - Throws: ``UsageError`` that names the file, and the line where there is one.
    init(path: String) throws {
        self.path = path
        let text = try Self.text(of: path)
        let read = try Self.isJSON(text, path) ? Self.entries(ofJSON: text, path) : Self.entries(ofYAML: text, path)
        try Self.checkKeys(of: read, path)
        var entries: [String: Entry] = [:]
        for entry in read {
            if let first = entries[entry.key] { throw Self.twice(entry.key, path, first.line, entry.line) }
            guard entry.value != nil else {
                throw UsageError(
                    "'\(entry.key)' in \(path) (line \(entry.line)) is no text, number, truth value or list of texts: "
                        + "give one, or remove it."
                )
            }
            entries[entry.key] = entry
        }
        self.entries = entries
    }

    /// The value of a key, and where it stands.
    func value(of key: SettingKey) -> (value: SettingValue, origin: SettingOrigin)? {
        guard let entry = entries[key.name], let value = entry.value else { return nil }
        return (value, .file(path: path, key: key.name, line: entry.line))
    }

    private static func text(of path: String) throws -> String {
        let data: Data
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            data = try file.read(upToCount: maximumBytes + 1) ?? Data()
        } catch {
            throw UsageError("Cannot read the configuration file \(path): check that it exists and may be read.")
        }
        guard data.count <= maximumBytes else {
            throw UsageError(
                "The configuration file \(path) has more than \(maximumBytes.sizeText): name another file."
            )
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw UsageError("The configuration file \(path) is no text in UTF-8: save it as such.")
        }
        return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
    }

    /// By the name; where that does not tell, by the first character.
    private static func isJSON(_ text: String, _ path: String) -> Bool {
        switch URL(fileURLWithPath: path).pathExtension.lowercased() {
        case "yaml", "yml": false
        case "json": true
        default: text.first { !$0.isWhitespace } == "{"
        }
    }

    /// Names the unknown keys, each with the one that may have been meant.
    private static func checkKeys(of entries: [Entry], _ path: String) throws {
        let known = Set(SettingKey.all.map(\.name))
        let unknown = entries.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
        guard !unknown.isEmpty else { return }
        let names = unknown.prefix(10).map { entry in
            let advice = SettingKey.nearest(to: entry.key).map { "; did you mean '\($0.name)'?" } ?? ""
            return "'\(entry.key.prefix(60).escapedForTerminal)' (line \(entry.line)\(advice))"
        }
        let rest = unknown.count > names.count ? " and \(unknown.count - names.count) more" : ""
        throw UsageError(
            "The configuration file \(path) has \(unknown.count == 1 ? "an unknown key" : "unknown keys"): "
                + "\(names.joined(separator: ", "))\(rest). Remove or correct \(unknown.count == 1 ? "it" : "them")."
        )
    }

    /// - Parameter second: Nil where it is not known.
    static func twice(_ key: String, _ path: String, _ first: Int, _ second: Int?) -> UsageError {
        let place = second.map { "in lines \(first) and \($0)" } ?? "first in line \(first)"
        return UsageError(
            "The configuration file \(path) has '\(key.prefix(60).escapedForTerminal)' twice, \(place): leave one out."
        )
    }
}
