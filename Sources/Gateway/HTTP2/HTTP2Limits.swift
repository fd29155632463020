import NIOCore
import NIOHTTP2

/// The bounds of connections of HTTP/2.
struct HTTP2Limits: Sendable {
    /// Streams of one connection.
    let streamsPerConnection: Int
    /// Streams over all connections.
    let streams: Int
    let handler: NIOHTTP2Handler.Configuration
    /// How often a stalled peer is looked for.
    let heartbeat: TimeAmount

    /// Streams over the limit that are still answered, so that they learn why; beyond them they are just reset.
    static let answeredOverLimit = 1000
    /// Faults in single streams that are borne; after more the connection ends.
    static let faults = 100

    init(_ configuration: GatewayConfiguration) {
        streamsPerConnection = configuration.maximumStreamsPerConnection
        streams = configuration.maximumHTTP2Streams
        heartbeat = TimeAmount(configuration.heartbeat)
        handler = .init(connection: Self.connection(configuration), stream: Self.stream(configuration))
    }

    /// A proxy that carries many clients resets as many streams when they leave together, and pings besides. More than that
    /// within ``rateWindow`` is an attack (CVE-2023-44487, CVE-2019-9512, CVE-2019-9515).
    private static func eventsPerWindow(_ configuration: GatewayConfiguration) -> Int {
        configuration.maximumStreamsPerConnection + 200
    }

    private static let rateWindow = TimeAmount.seconds(30)
    /// Of so many streams that this side has reset, frames that were under way are no fault. Each connection pays for them.
    private static let recentResets = 128

    private static func connection(
        _ configuration: GatewayConfiguration
    ) -> NIOHTTP2Handler.ConnectionConfiguration {
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        let frameBytes = 1 << 14
        // Beyond this the connection ends. What lies between `--max-header-size` and this is answered with 431.
        let listBytes = min(configuration.maximumHeaderBytes, 1 << 24) * 4
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: configuration.maximumStreamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: listBytes),
            HTTP2Setting(parameter: .maxFrameSize, value: frameBytes),
        ]
        // All publishers of a connection together: a proxy has many.
        connection.targetWindowSize = 1 << 20
        // As many as a list of headers that is allowed can fill, and a little (CVE-2024-27316).
        connection.maximumSequentialContinuationFrames = listBytes / frameBytes + 2
        connection.maximumRecentlyResetStreams = recentResets
        connection.maximumBufferedControlFrames = 4 * eventsPerWindow(configuration)
        connection.maximumConnectionGlitches = 10_000
        connection.controlFrameRateLimit.maximumCount = eventsPerWindow(configuration)
        connection.controlFrameRateLimit.windowLength = rateWindow
        return connection
    }

    private static func stream(_ configuration: GatewayConfiguration) -> NIOHTTP2Handler.StreamConfiguration {
        var stream = NIOHTTP2Handler.StreamConfiguration()
        let waterMark = configuration.waterMark
        stream.outboundBufferSizeHighWatermark = waterMark.high
        stream.outboundBufferSizeLowWatermark = waterMark.low
        stream.streamResetFrameRateLimit.maximumCount = eventsPerWindow(configuration)
        stream.streamResetFrameRateLimit.windowLength = rateWindow
        stream.streamErrorRateLimit.windowLength = rateWindow
        return stream
    }
}
