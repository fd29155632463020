import AsyncHTTPClient

/// A client of a Notify server: publishes, reads history, and follows groups.
///
/// ```swift
/// let client = try NotifyClient(url: "http://127.0.0.1:8080")
/// try await client.publish(group: "my-group", event: "greeting", data: "hello")
/// for try await message in try client.subscribe(groups: ["my-group"]) {
///     print(message.data)
/// }
/// ```
///
/// May be used by any number of tasks at once. Connections are kept and used again; ``shutdown()`` closes them, and
/// must be called before the last reference goes away.
public final class NotifyClient: Sendable {
    let transport: Transport

    /// Connects to nothing yet.
    ///
    /// - Parameters:
    ///   - url: The server's base address, `http` or `https`, with a path where a proxy puts the server below one.
    ///   - configuration: Times and limits.
    /// - Throws: ``NotifyClientError`` with the code `invalidArgument` if the address is none, or no
    ///   certificates are in the file that is to have them.
    public init(url: String, configuration: Configuration = Configuration()) throws(NotifyClientError) {
        transport = try Transport(server: try ServerAddress(url), configuration: configuration)
    }

    /// Closes all connections. Requests and subscriptions that still run end with the code `closed`. A second call does
    /// nothing.
    public func shutdown() async throws {
        try await transport.shutdown()
    }
}
