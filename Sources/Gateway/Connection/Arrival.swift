import NIOCore

/// How and when a connection came.
struct Arrival: Sendable {
    /// The sockets that a server listens on.
    enum Entrance: Hashable, Sendable {
        case port
        case unixSocket
        /// For those who run the server: figures and health, and nothing else.
        case operations
    }

    let entrance: Entrance
    /// Whether what is sent is encrypted: then the scheme of requests is `https`.
    var isSecure: Bool
    /// Where it came from; nil where nobody asks for that, and for a Unix socket.
    let peer: AddressBytes?
    /// Whether too many came from there.
    let isExcessOfAddress: Bool
    let began: NIODeadline
    /// Whether there were too many already. Those that were there before are not refused for it.
    var isExcess: Bool
}
