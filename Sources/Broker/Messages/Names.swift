/// The name of a group: 1 to 100 bytes of ASCII letters, digits, `-`, `_` and `.`; not `.` and `..`, which are steps in the
/// path of a URL (RFC 3986 §5.2.4) and would lead elsewhere.
///
/// The rule is that of Django Channels' specification ("Channel and group names"), read as it is written: Channels'
/// own regular expressions also accept Unicode digits and a trailing newline, and refuse a length of 100.
public struct GroupName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes.
    public static let maximumLength = 100

    public let description: String

    /// - Throws: ``BrokerError`` with the code `invalidName`, whose message names the rule.
    public init(_ name: some StringProtocol) throws(BrokerError) {
        guard NameRule.admits(name.utf8), !NameRule.isStep(name.utf8) else {
            throw NameRule.refusal(of: String(name), as: "group")
        }
        description = String(name)
    }

    /// A name that a database holds: earlier versions admitted `.` and `..`, and their messages are still there.
    package init(stored name: String) throws(BrokerError) {
        guard NameRule.admits(name.utf8) else { throw NameRule.refusal(of: name, as: "group") }
        description = name
    }

    public static func < (left: GroupName, right: GroupName) -> Bool {
        left.description < right.description
    }
}

/// The name of a channel: as ``GroupName``, with at most one `!`, which begins the part that is local to a process.
///
/// The `!` has text before it; what comes after it may be empty only in a prefix that is given to `newChannel`.
public struct ChannelName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes.
    public static let maximumLength = GroupName.maximumLength

    public let description: String

    /// - Throws: ``BrokerError`` with the code `invalidName`, whose message names the rule.
    public init(_ name: some StringProtocol) throws(BrokerError) {
        let parts = name.utf8.split(separator: UInt8(ascii: "!"), omittingEmptySubsequences: false)
        guard parts.count <= 2, name.utf8.count <= Self.maximumLength, parts.allSatisfy({ NameRule.admits($0) }),
            !NameRule.isStep(name.utf8)
        else {
            throw NameRule.refusal(of: String(name), as: "channel")
        }
        description = String(name)
    }

    public static func < (left: ChannelName, right: ChannelName) -> Bool {
        left.description < right.description
    }
}

enum NameRule {
    static func admits(_ bytes: some Collection<UInt8>) -> Bool {
        // On the way of every publish: reading a string's bytes where they lie costs a tenth of asking it for each.
        bytes.withContiguousStorageIfAvailable { areAdmitted($0) } ?? areAdmitted(bytes)
    }

    private static func areAdmitted(_ bytes: some Collection<UInt8>) -> Bool {
        guard (1...GroupName.maximumLength).contains(bytes.count) else { return false }
        return bytes.allSatisfy { admits($0) }
    }

    @inline(__always)
    static func admits(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default:
            false
        }
    }

    /// `.` or `..`.
    static func isStep(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.count <= 2 && !bytes.isEmpty && bytes.allSatisfy { $0 == UInt8(ascii: ".") }
    }

    static func refusal(of name: String, as kind: String) -> BrokerError {
        guard !isStep(name.utf8) else {
            return BrokerError(
                .invalidName,
                "The \(kind) name '\(name)' is not allowed: in the path of a URL it is a step. Add a letter or a digit."
            )
        }
        let exclamation = kind == "channel" ? ", with at most one '!'" : ""
        return BrokerError(
            .invalidName,
            "The \(kind) name \(name.quotedForPeople) is not allowed: use 1 to \(GroupName.maximumLength) ASCII letters, "
                + "digits, '-', '_' or '.'\(exclamation)."
        )
    }
}

extension String {
    /// The text in quotes, cut to a length that fits a sentence and without control characters: input that is
    /// repeated in an error must not be able to forge log lines or fill the screen.
    package var quotedForPeople: String {
        let limit = 60
        let shown = unicodeScalars.prefix(limit).map { scalar in
            scalar.properties.generalCategory == .control ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return "'\(shown.joined())\(unicodeScalars.count > limit ? "…" : "")'"
    }
}
