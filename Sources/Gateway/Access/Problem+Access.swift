import Broker
import HTTPTypes

/// Refusals for want of a token or a right, as RFC 6750 §3 has them.
extension Problem {
    /// No token, where one is needed.
    static func noToken(_ right: Right, _ topic: Topic? = nil) -> Problem {
        Problem(
            .unauthorized,
            "This needs a token with the right \(name(right, topic)). Send it as 'Authorization: Bearer TOKEN'.",
            headers: [.wwwAuthenticate: "Bearer"]
        )
    }

    /// A token that does not count.
    ///
    /// - Parameter why: A sentence without a double quote.
    static func badToken(_ why: String) -> Problem {
        Problem(
            .unauthorized,
            "The token does not count: \(why)",
            headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\", error_description=\"\(description(why))\""]
        )
    }

    /// A token that counts, without the right.
    ///
    /// - Parameter hint: A further sentence.
    static func noRight(_ right: Right, _ topic: Topic? = nil, hint: String = "") -> Problem {
        let name = name(right, topic)
        return Problem(
            .forbidden,
            "The token does not have the right \(name). Use one that has it.\(hint)",
            headers: [
                .wwwAuthenticate:
                    "Bearer error=\"insufficient_scope\", error_description=\"\(description("the right \(name) lacks"))\""
            ]
        )
    }

    private static func name(_ right: Right, _ topic: Topic?) -> String {
        topic.map { "'\(right.rawValue)' for \($0.description.quotedForPeople)" } ?? "'\(right.rawValue)'"
    }

    /// What may stand in an `error_description`: ASCII without `"` and `\` (RFC 6750 §3).
    private static func description(_ text: String) -> String {
        String(decoding: text.utf8.filter { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }, as: UTF8.self)
    }
}
