public import HTTPTypes

/// A WebSocket on a path of an application's own: the application decides who may open it, and talks over it.
///
/// Frames, pings, limits and the end are the gateway's: as with `/socket`, a client that is gone is noticed, a page of another
/// origin is refused, and the server's stop closes it with 1001. For what is published to groups, clients had better open
/// `/socket`, which resumes.
public struct SocketRoute: Sendable {
    /// Such as `/chat/`; with or without `/` at its end.
    public let path: String
    let accept: @Sendable (HTTPRequest) async throws -> SocketGrant

    /// - Parameter accept: Asked for each client before it has a WebSocket, off the event loop. What it throws is the answer,
    ///   as with routes: an `HTTPError` with its status.
    public init(path: String, accept: @escaping @Sendable (HTTPRequest) async throws -> SocketGrant) {
        (self.path, self.accept) = (path, accept)
    }
}

/// What one client's WebSocket does.
public struct SocketGrant: Sendable {
    /// Who it is for; nil: nobody who is known.
    public var user: String?
    /// Ends it at once, with 1008; nil where nothing does.
    public var end: StreamEnd?
    let handle: @Sendable (WebSocket) async throws -> Void

    /// - Parameter handle: Talks with the client, in a task of its own, which is cancelled when the client goes away and when the
    ///   server stops. When it returns, the socket is closed with 1000; when it throws, with 1011, and the error is logged.
    public init(
        user: String? = nil,
        end: StreamEnd? = nil,
        handle: @escaping @Sendable (WebSocket) async throws -> Void
    ) {
        (self.user, self.end, self.handle) = (user, end, handle)
    }
}
