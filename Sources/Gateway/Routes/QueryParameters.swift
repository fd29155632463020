import Broker
import HTTPTypes

/// The parameters that the query of a route may have. Any other is refused, as an unknown field of a body is: a misspelt
/// one that was passed over would do nothing, without a word.
struct QueryParameters: Sendable {
    private let names: [String]
    /// It was taken out of the address where it may stand there.
    private static let token = "access_token"

    private init(_ names: String...) {
        self.names = names
    }

    static let stream = QueryParameters(
        "since",
        "last",
        "last_event_id",
        "envelope",
        "trace",
        "presence"
    )
    static let streamOfGroups = QueryParameters(
        "group",
        "match",
        "since",
        "last",
        "last_event_id",
        "envelope",
        "trace",
        "presence"
    )
    static let history = QueryParameters("after", "before", "since", "limit", "wait")
    static let historyOfGroups = QueryParameters("group", "match", "after", "before", "since", "limit", "wait")
    static let purge = QueryParameters("through")
    static let groups = QueryParameters("prefix", "after", "limit")
    static let presence = QueryParameters("after", "limit")
    static let connections = QueryParameters("after", "limit")
    static let publish = QueryParameters("event", "ttl", "persist")
    static let batch = QueryParameters("persist")
    static let none = QueryParameters()

    /// Those that may come several times. Of `last_event_id` the last one counts: clients that cannot send the header add
    /// it to an address that may have one.
    private static let repeated = ["group", "match", "last_event_id"]

    /// - Throws: ``Problem``: 400 that names those there are, or one that comes twice.
    func check(_ fields: [(name: String, value: String)]) throws(Problem) {
        var seen: [String] = []
        for (name, _) in fields {
            guard Self.has(names, name) else { throw unknown(name) }
            guard !Self.has(Self.repeated, name) else { continue }
            guard !Self.has(seen, name) else {
                throw Problem(.badRequest, "The parameter '\(name)' comes twice: give it once.")
            }
            seen.append(name)
        }
    }

    private func unknown(_ name: String) -> Problem {
        guard !Self.has([Self.token], name) else {
            return Problem(
                .badRequest,
                "This server takes no token from the address, where logs and histories would keep it: send it as "
                    + "'Authorization: Bearer TOKEN', or start the server with keys and --allow-query-token."
            )
        }
        return Problem(
            .badRequest,
            names.isEmpty
                ? "There is no parameter \(name.quotedForPeople) here, and no other: leave the query of the URL out."
                : "There is no parameter \(name.quotedForPeople) here. There are: \(names.joined(separator: ", "))."
        )
    }

    private static func has(_ names: [String], _ name: String) -> Bool {
        names.contains { $0.utf8.elementsEqual(name.utf8) }
    }
}
