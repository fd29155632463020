import Broker
import NIOCore
import NIOPosix

extension MessageLog {
    /// The largest body of one message: escapes can make six bytes of one.
    var bodyBytes: Int { 6 * configuration.maximumMessageSize + 64 << 10 }
}

extension GatewayConfiguration {
    func limits(
        _ log: MessageLog,
        _ streams: [StreamRoute],
        _ sockets: [SocketRoute]
    ) -> GatewayLimits {
        let messageBytes = log.configuration.maximumMessageSize
        return GatewayLimits(
            connections: maximumConnections,
            headerBytes: maximumHeaderBytes,
            loop: RequestLoop.Limits(
                headTimeout: TimeAmount(headTimeout),
                bodyTimeout: TimeAmount(bodyTimeout),
                bodyRate: minimumBodyRate,
                idleTimeout: TimeAmount(idleTimeout),
                stallTimeout: TimeAmount(stallTimeout)
            ),
            http2: HTTP2Limits(self),
            messageBytes: messageBytes,
            bodyBytes: maximumBodyBytes ?? log.bodyBytes,
            batchBytes: maximumBatchBytes,
            batchMessages: maximumBatchMessages,
            groupsPerStream: maximumGroupsPerStream,
            patternsPerStream: maximumPatternsPerStream,
            last: maximumLast,
            subscriptionsPerSocket: maximumSubscriptionsPerSocket,
            patternsPerSocket: maximumPatternsPerSocket,
            unansweredPublishes: maximumUnansweredPublishes,
            streams: Dictionary(streams.map { (LoopRoute.key(ofPath: $0.path), $0) }) { first, _ in first },
            sockets: Dictionary(sockets.map { (LoopRoute.key(ofPath: $0.path), $0) }) { first, _ in first }
        )
    }

    /// The rest of a stream that has ended is small, and a client that resumes loses nothing of it.
    private static let endTimeout = Duration.seconds(30)

    /// A connection with more than this waiting for its socket is slow.
    var waterMark: ChannelOptions.Types.WriteBufferWaterMark {
        .init(low: max(1, connectionBufferBytes / 4), high: connectionBufferBytes)
    }

    func streamSettings(loops: Int) -> StreamSettings {
        func milliseconds(_ duration: Duration) -> Int { Int(TimeAmount(duration).nanoseconds / 1_000_000) }
        return StreamSettings(
            heartbeat: TimeAmount(heartbeat),
            lookRound: TimeAmount(min(heartbeat, stallTimeout) / 4),
            // A stream is looked at four times per heartbeat, so what is found silent then is at most that old. A little
            // less than three quarters: two looks may be a little less than a quarter apart.
            silence: TimeAmount(heartbeat * 23 / 32),
            retryMilliseconds: milliseconds(retry * 2 / 3)...milliseconds(retry * 4 / 3),
            stallTimeout: TimeAmount(stallTimeout),
            endTimeout: TimeAmount(min(stallTimeout, Self.endTimeout)),
            recentBytes: max(1, recentMessageBytes / loops),
            inboxBytes: inboxBytes,
            pieceBytes: min(connectionBufferBytes, Batch.targetBytes),
            pinnedBytes: max(1, pinnedBytes / loops)
        )
    }
}
