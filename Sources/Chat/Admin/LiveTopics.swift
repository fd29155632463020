import Broker
import Gateway

/// What the admin's Live page follows: groups by their names, and patterns. Names and patterns may stand in one field, with
/// white space or commas between: what has `*`, `?` or `[` in it is a pattern.
struct LiveTopics {
    private(set) var groups: [GroupName] = []
    private(set) var patterns: [ChannelPattern] = []
    /// As they were written, what is refused among them.
    private(set) var texts: [String] = []
    /// Why they cannot be followed; nil where they can.
    private(set) var refusal: String?

    /// As a stream may have by default: more are too many to look at.
    private static let mostGroups = 100
    private static let mostPatterns = 10

    /// - Parameter fields: `topics` with several, `group` and `match` with one each; all may come often.
    init(_ fields: FormFields) {
        for text in fields.values(of: "topics") {
            for word in text.split(whereSeparator: { $0.isWhitespace || $0 == "," }) {
                add(String(word), isPattern: word.contains { "*?[".contains($0) })
            }
        }
        for name in fields.values(of: "group") where !name.isEmpty { add(name, isPattern: false) }
        for pattern in fields.values(of: "match") where !pattern.isEmpty { add(pattern, isPattern: true) }
        if groups.count > Self.mostGroups {
            refusal = refusal ?? "These are \(groups.count) groups. Follow at most \(Self.mostGroups), or a pattern."
        }
        if patterns.count > Self.mostPatterns {
            refusal = refusal ?? "These are \(patterns.count) patterns. Follow at most \(Self.mostPatterns)."
        }
    }

    private mutating func add(_ text: String, isPattern: Bool) {
        guard !texts.contains(text) else { return }
        texts.append(text)
        do throws(BrokerError) {
            if isPattern {
                // Applications' groups are followed by their names only.
                patterns.append(try ChannelPattern(group: text).excluding(Chat.reservedGroups))
            } else {
                groups.append(try GroupName(text))
            }
        } catch {
            refusal = refusal ?? error.message
        }
    }

    var isEmpty: Bool { texts.isEmpty }
    /// Nothing of it is refused, and there is something.
    var canBeFollowed: Bool { refusal == nil && !isEmpty }
    /// As the page's field has them.
    var text: String { texts.joined(separator: " ") }

    /// As the stream's address has them.
    var query: String {
        (groups.map { "group=\($0)" } + patterns.map { "match=\(AdminPages.formEncoded($0.description))" })
            .joined(separator: "&")
    }
}
