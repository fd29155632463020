import AsyncHTTPClient

extension NotifyClient {
    /// The streams that are open on the server. With keys this needs the right `admin`.
    ///
    /// - Parameters:
    ///   - after: Only those that began after the one with this id: to read on, the last id of the page before.
    ///   - limit: How many at most, 1 to 1000; nil: the server's default.
    /// - Throws: ``NotifyClientError``; `CancellationError`.
    public func connections(after: String? = nil, limit: Int? = nil) async throws -> ConnectionsPage {
        try Rules.check(limit: limit)
        let request = transport.request(
            path: ["connections"],
            query: [("after", after), ("limit", limit.map(String.init))]
        )
        return try await transport.answer(to: request, as: ConnectionsPage.self)
    }
}
