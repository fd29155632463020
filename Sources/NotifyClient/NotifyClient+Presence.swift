import AsyncHTTPClient

extension NotifyClient {
    /// Who follows a group by its name, now. With keys this needs the right `subscribe` for the group.
    ///
    /// - Parameters:
    ///   - group: The group's name.
    ///   - after: Only users whose names come after this one: to read on, the last name of the page before.
    ///   - limit: How many at most, 1 to 1000; nil: the server's default, 100. A page may have fewer.
    /// - Throws: ``NotifyClientError``; `CancellationError`.
    public func presence(group: String, after: String? = nil, limit: Int? = nil) async throws -> GroupPresence {
        try Rules.check(group: group)
        try Rules.check(limit: limit)
        let request = transport.request(
            path: ["groups", group, "presence"],
            query: [("after", after), ("limit", limit.map(String.init))]
        )
        return try await transport.answer(to: request, as: GroupPresence.self)
    }
}
