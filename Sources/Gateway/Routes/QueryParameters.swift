import Broker
import HTTPTypes

/// The parameters that the query of a route may have. Any other is refused, as an unknown field of a body is: a misspelt
/// one that was passed over would do nothing, without a word.
struct QueryParameters: Sendable {
    private let names: [String]
    /// Those of later versions: 501, so that nobody takes them for done.
    private let later: [String]

    private init(_ names: String..., later: [String] = []) {
        (self.names, self.later) = (names, later + ["access_token"])
    }

    static let stream = QueryParameters(
        "since",
        "last",
        "last_event_id",
        "envelope",
        later: ["match", "presence"]
    )
    static let streamOfGroups = QueryParameters(
        "group",
        "since",
        "last",
        "last_event_id",
        "envelope",
        later: ["match", "presence"]
    )
    static let history = QueryParameters("after", "before", "since", "limit", later: ["wait"])
    static let groups = QueryParameters("prefix", "after", "limit")
    static let publish = QueryParameters("event", "ttl", "persist")
    static let batch = QueryParameters("persist")
    static let none = QueryParameters()

    /// - Throws: ``Problem``: 400 that names those there are; 501 for one that another version has.
    func check(_ fields: [(name: String, value: String)]) throws(Problem) {
        for (name, _) in fields where !Self.has(names, name) {
            guard !Self.has(later, name) else { throw .notImplemented("The parameter '\(name)'") }
            throw Problem(
                .badRequest,
                names.isEmpty
                    ? "There is no parameter \(name.quotedForPeople) here, and no other: leave the query of the URL out."
                    : "There is no parameter \(name.quotedForPeople) here. There are: \(names.joined(separator: ", "))."
            )
        }
    }

    private static func has(_ names: [String], _ name: String) -> Bool {
        names.contains { $0.utf8.elementsEqual(name.utf8) }
    }
}
