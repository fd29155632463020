import Broker
import HTTPTypes

/// The forms of `since` that name a place in history.
enum HistoryStart {
    case id(MessageID)
    case replay(ReplayStart)

    /// `all`, a message id, a duration back, or an RFC 3339 time; nil for anything else.
    init?(_ text: String, now: Timestamp) {
        if text == "all" {
            self = .replay(.all)
        } else if let id = try? MessageID(text) {
            self = .id(id)
        } else if let duration = DurationText.parse(text) {
            let milliseconds =
                duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
            self = .replay(.since(Timestamp(milliseconds: now.milliseconds - milliseconds)))
        } else if let time = Timestamp(rfc3339: text) {
            self = .replay(.since(time))
        } else {
            return nil
        }
    }

    /// - Parameter text: What ``init(_:)`` took for nothing, and `latest` is not.
    static func problem(_ text: String) -> Problem {
        let advice =
            text.contains("T") && text.contains(" ")
            ? " In a URL the + of a time zone is written %2B, for + means a space." : ""
        return Problem(
            .badRequest,
            "since=\(text.quotedForPeople) is none of: latest, all, a message id, a duration back such as 10m, a time such "
                + "as 2026-01-31T12:00:00Z.\(advice)"
        )
    }
}
