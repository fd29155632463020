import NIOCore

/// What holds a connection, or a stream of HTTP/2, that the loop's timer and the server's end have to reach.
///
/// Confined to its event loop.
protocol OpenConnection: AnyObject {
    /// Called about once a second.
    func tick(_ now: NIODeadline)
    /// The server stops: what is being answered is finished.
    func shutDown()
    /// Closes at once.
    func close()
}

/// The connections of an event loop that no stream has taken over.
///
/// Confined to its event loop.
final class OpenConnections {
    private var all: [ObjectIdentifier: any OpenConnection] = [:]

    func insert(_ connection: any OpenConnection) {
        all[ObjectIdentifier(connection)] = connection
    }

    func remove(_ connection: any OpenConnection) {
        all[ObjectIdentifier(connection)] = nil
    }

    /// - Parameter body: May close connections.
    func forEach(_ body: (any OpenConnection) -> Void) {
        for connection in Array(all.values) { body(connection) }
    }
}
