import NIOCore
import NIOHTTP1

/// Puts the handlers of a connection into its pipeline.
struct ConnectionPipeline: Sendable {
    /// Called on the channel's event loop.
    let add: @Sendable (any Channel, ConnectionServices, Arrival) throws -> Void

    /// HTTP/1 alone, without a gate that would look at the first bytes.
    static let http1 = ConnectionPipeline { channel, services, arrival in
        try addHTTP1(to: channel, services, arrival, isPlain: true)
    }

    /// What the first bytes begin.
    static func gated(_ expected: ConnectionGate.Expected) -> ConnectionPipeline {
        ConnectionPipeline { channel, services, arrival in
            try channel.pipeline.syncOperations.addHandler(ConnectionGate(expected, services, arrival))
        }
    }

    /// - Parameter isPlain: Whether nothing will stand between these handlers and the socket, such as TLS.
    static func addHTTP1(
        to channel: any Channel,
        _ services: ConnectionServices,
        _ arrival: Arrival,
        isPlain: Bool
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        let bottom = RequestLinePeek()
        try pipeline.addHandler(bottom)
        try pipeline.addHandler(
            ByteToMessageHandler(
                HTTPRequestDecoder(
                    // Of a WebSocket's client that does not wait for the answer to its handshake: see SocketHandler.
                    leftOverBytesStrategy: .fireError,
                    limitConfiguration: services.limits.decoderLimits
                )
            )
        )
        let wire = Wire(http1: channel, isPlain: isPlain)
        try pipeline.addHandler(ConnectionHandler(services: services, wire: wire, bottom: bottom, arrival: arrival))
    }
}

extension GatewayLimits {
    fileprivate var decoderLimits: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = headerBytes
        limits.maxHeaderListSize = headerBytes
        return limits
    }
}
