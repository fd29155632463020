import Broker
import Glibc
import Logging
import Synchronization

/// A line of the log as a JSON object: `time`, `level`, `message`, `logger`, `error` where there is one, and the metadata by its
/// keys. Whatever is logged, the line is strict JSON (RFC 8259), and is one line.
struct JSONLogLine {
    private(set) var text = "{"

    init(_ event: LogEvent, label: String, metadata: Logger.Metadata, time: Timestamp) {
        add("time", .string("\(time)"), isFirst: true)
        add("level", .string(event.level.rawValue))
        add("message", .string(event.message.description))
        add("logger", .string(label))
        if let error = event.error { add("error", .string("\(error)")) }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            // Readers take the last of two equal keys, or refuse both.
            add(Self.ownKeys.contains(key) ? key + "_" : key, value)
        }
        text += "}"
    }

    private static let ownKeys: Set<String> = ["time", "level", "message", "logger", "error"]

    private mutating func add(_ key: String, _ value: Logger.MetadataValue, isFirst: Bool = false) {
        if !isFirst { text += "," }
        write(key)
        text += ":"
        write(value)
    }

    private mutating func write(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let string):
            write(string)
        case .stringConvertible(let value):
            switch value {
            case let number as any FixedWidthInteger: text += "\(number)"
            case let number as Double where number.isFinite: text += "\(number)"
            case let flag as Bool: text += "\(flag)"
            default: write(value.description)
            }
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                write(value)
            }
            text += "]"
        case .dictionary(let values):
            text += "{"
            for (index, (key, value)) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { text += "," }
                write(key)
                text += ":"
                write(value)
            }
            text += "}"
        }
    }

    /// Terminals and line readers take some other characters for ends of lines as well: they are escaped, too.
    private mutating func write(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value),
                "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension JSONLogLine {
    private static let isWriting = Mutex(())

    /// Writes the line to standard error, whole. What the system does not take is lost: there is nobody to tell.
    func writeToStandardError() {
        var line = text + "\n"
        Self.isWriting.withLock { _ in
            line.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)
                while !rest.isEmpty {
                    let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else { return }
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                }
            }
        }
    }
}
