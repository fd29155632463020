import NIOCore

/// Connections between the listening socket and their event loops.
enum AcceptedConnections {
    /// Stops accepting, and waits until all that were accepted are in their places: SwiftNIO closes those that are on their
    /// way when the listening channel is closed, and their clients would get no answer. Who comes later waits in the
    /// system's queue, which outlives us where somebody else has the socket too.
    static func settle(_ listener: any Channel, _ loops: [any EventLoop]) async {
        try? await listener.setOption(.autoRead, value: false).get()
        // A connection is made on the listener's loop, set up on its own, handed out on the listener's, and registered on its
        // own.
        for _ in 0..<2 {
            for loop in [listener.eventLoop] + loops { try? await loop.submit {}.get() }
        }
    }
}
