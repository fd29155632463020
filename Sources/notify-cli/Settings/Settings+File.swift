import Configuration
import Foundation

extension Settings {
    /// Reads the file and refuses keys that no subcommand has: a mistyped key would otherwise do nothing, silently.
    static func read(_ path: String) throws -> JSONSnapshot {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw UsageError("Cannot read the configuration file \(path): check that it exists and may be read.")
        }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw UsageError("The configuration file \(path) is no JSON object: write it like {\"url\": \"…\"}.")
        }
        let known = Set(SettingKey.allCases.map(\.rawValue))
        let unknown = object.keys.filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let names = unknown.map { "'\($0.prefix(60).escapedForTerminal)'" }.joined(separator: ", ")
            throw UsageError("The configuration file \(path) has unknown keys: \(names). Remove or correct them.")
        }
        for (key, value) in object where value is [String: Any] || value is NSNull {
            throw UsageError(
                "'\(key)' in \(path) is no text, number, truth value or array of texts: give one, or remove it."
            )
        }
        do {
            return try JSONSnapshot(data: data.bytes, providerName: path, parsingOptions: .default)
        } catch {
            throw UsageError("The configuration file \(path) cannot be used: \(error)")
        }
    }
}

extension JSONSnapshot {
    /// The value in the form in which it would stand on the command line, whatever its type in JSON.
    func text(for key: SettingKey) -> String? {
        let path = AbsoluteConfigKey([key.rawValue])
        // The snapshot throws where the type is another one: then the next one is tried.
        for type in [ConfigType.string, .int, .double, .bool, .stringArray] {
            switch try? value(forKey: path, type: type).value?.content {
            case .string(let text): return text
            case .int(let number): return String(number)
            case .double(let number): return String(number)
            case .bool(let value): return String(value)
            case .stringArray(let texts): return texts.joined(separator: ",")
            default: continue
            }
        }
        return nil
    }
}
