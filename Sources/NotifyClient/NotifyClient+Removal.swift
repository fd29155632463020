import AsyncHTTPClient
import NIOHTTP1

extension NotifyClient {
    /// Deletes one message, from history and from every later replay.
    ///
    /// - Throws: ``NotifyClientError``: `refused` with the status 404 where there is no such message.
    public func delete(group: String, id: String) async throws {
        try Rules.check(group: group)
        try Rules.check(id: id)
        try await transport.finish(transport.request(.DELETE, path: ["groups", group, "messages", id]))
    }

    /// Removes a group's messages, as retention does: clients that resume from before are told that some are missing.
    ///
    /// - Parameter through: The last message that goes; all that are stored if none is given.
    /// - Throws: ``NotifyClientError``: `refused` with the status 409 for an id of another database.
    public func purge(group: String, through: String? = nil) async throws {
        try Rules.check(group: group)
        if let through { try Rules.check(id: through) }
        try await transport.finish(
            transport.request(.DELETE, path: ["groups", group, "messages"], query: [("through", through)])
        )
    }
}
