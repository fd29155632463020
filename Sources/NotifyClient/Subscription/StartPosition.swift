/// Where a stream, or a read of history, begins.
public struct StartPosition: Hashable, Sendable {
    let query: [(name: String, value: String?)]

    private init(_ name: String, _ value: String) {
        query = [(name, value)]
    }

    /// What comes from now on.
    public static let latest = StartPosition("since", "latest")
    /// All that is stored, then what comes.
    public static let all = StartPosition("since", "all")

    /// What comes after the message with this id.
    public static func after(id: String) -> StartPosition {
        StartPosition("since", id)
    }

    /// What came in the last time, then what comes.
    public static func back(_ duration: Duration) -> StartPosition {
        let parts = duration.components
        return StartPosition("since", "\(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000)ms")
    }

    /// The newest so many over all groups of the stream, then what comes. Streams only.
    public static func last(_ count: Int) -> StartPosition {
        StartPosition("last", String(count))
    }

    /// As people write it: `latest`, `all`, an id, a duration back such as `10m`, or an RFC 3339 time.
    ///
    /// - Throws: ``NotifyClientError`` with the code `invalidArgument` if it is none of these. Whether a time exists is
    ///   left to the server.
    public init(_ text: String) throws(NotifyClientError) {
        let id = /[a-z0-9]{1,16}-[0-9]{1,19}/
        let duration = /[0-9]+(ms|s|m|h|d)/
        let time = /[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})/
        let isKnown =
            ["latest", "all"].contains(text) || text.wholeMatch(of: id) != nil
            || text.wholeMatch(of: duration) != nil || text.wholeMatch(of: time) != nil
        guard isKnown else {
            throw NotifyClientError(
                .invalidArgument,
                "'\(text.onOneLine(limit: 60))' is no place to begin: use 'latest', 'all', a message id, a duration back "
                    + "such as 10m, or a time such as 2026-11-21T10:54:23Z."
            )
        }
        self.init("since", text)
    }

    public static func == (left: StartPosition, right: StartPosition) -> Bool {
        left.query.elementsEqual(right.query) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
        for field in query {
            hasher.combine(field.name)
            hasher.combine(field.value)
        }
    }
}
