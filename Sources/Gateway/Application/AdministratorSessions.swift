public import HTTPTypes

/// The sessions of an application's administrators: who has one may see what the right `admin` shows, such as `/metrics` and
/// `/connections`.
///
/// A session counts for pages of the same origin and of those that are allowed by their names; for other methods than GET and
/// HEAD only with an `Origin` that is one.
public struct AdministratorSessions: Sendable {
    let has: @Sendable (HTTPRequest) async throws -> Bool

    /// - Parameter has: Whether a request shows such a session, as by its cookie. Asked only where no token does; off the event
    ///   loop.
    public init(_ has: @escaping @Sendable (HTTPRequest) async throws -> Bool) {
        self.has = has
    }
}
