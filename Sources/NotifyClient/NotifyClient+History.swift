import AsyncHTTPClient

extension NotifyClient {
    /// Reads a piece of a group's history, in ascending order.
    ///
    /// Without bounds the newest messages; with `before` those just before it; with `after` or `since` the oldest from
    /// there. To read on: the last id as `after`, or the first one as `before`, while `hasMore`.
    ///
    /// - Parameters:
    ///   - group: The group's name.
    ///   - limit: How many at most, 1 to 1000; nil: the server's default, 100.
    ///   - after: An id; only messages behind it.
    ///   - before: An id; only messages before it.
    ///   - since: Where to begin, as for streams.
    /// - Throws: ``NotifyClientError``, `refused` with status 409 if a bound is an id of another database;
    ///   `CancellationError`.
    public func history(
        group: String,
        limit: Int? = nil,
        after: String? = nil,
        before: String? = nil,
        since: StartPosition? = nil
    ) async throws -> HistoryPage {
        try Rules.check(group: group)
        try Rules.check(limit: limit)
        let bounds = [("after", after), ("before", before), ("limit", limit.map(String.init))]
        let request = transport.request(
            path: ["groups", group, "messages"],
            query: bounds + (since?.query ?? [])
        )
        return try await transport.answer(to: request, as: HistoryPage.self)
    }

    /// One group with its counts; zeros for one that nobody has used.
    ///
    /// - Throws: ``NotifyClientError``; `CancellationError`.
    public func group(_ group: String) async throws -> GroupSummary {
        try Rules.check(group: group)
        return try await transport.answer(to: transport.request(path: ["groups", group]), as: GroupSummary.self)
    }

    /// The groups, ordered by name.
    ///
    /// - Parameters:
    ///   - prefix: Only names that begin with this.
    ///   - after: Only names behind this one: to read on, the last name of the page before.
    ///   - limit: How many at most, 1 to 1000; nil: the server's default.
    /// - Throws: ``NotifyClientError``; `CancellationError`.
    public func groups(prefix: String? = nil, after: String? = nil, limit: Int? = nil) async throws -> GroupsPage {
        try Rules.check(limit: limit)
        let request = transport.request(
            path: ["groups"],
            query: [("prefix", prefix), ("after", after), ("limit", limit.map(String.init))]
        )
        return try await transport.answer(to: request, as: GroupsPage.self)
    }
}
