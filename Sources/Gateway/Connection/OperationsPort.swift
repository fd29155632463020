import HTTPTypes

/// What is served on the port for those who run the server.
enum OperationsPort {
    private static let paths = ["/metrics", "/healthz", "/readyz"]

    /// The address that it listens on.
    static let host = "127.0.0.1"

    /// Connections that it takes at once. They are not bound by the other limit: a server that is full can be looked at.
    static let maximumConnections = 100

    static func has(_ path: Substring) -> Bool {
        paths.contains { path.utf8.elementsEqual($0.utf8) }
    }

    static var notHere: Problem {
        Problem(.notFound, "This port has \(paths.joined(separator: ", ")) only (--operations-port).")
    }
}
