import NIOCore

/// The end of all that is open on an event loop, so that clients come back.
extension Shard {
    /// Few end at once. Many end in turns: their clients do not all come back at once, the loop goes on with the answers that
    /// are due, and whoever is still open gets what is still published.
    struct Turns: Equatable {
        /// So many end in one turn.
        static let size = 100
        /// Between two turns, at most: a thousand streams are gone within half a second, however long the grace is.
        static let longestPause = TimeAmount.milliseconds(50)

        let pause: TimeAmount

        /// - Parameter span: In which all of them end.
        init(of count: Int, within span: TimeAmount) {
            let turns = max(1, (count + Self.size - 1) / Self.size)
            pause = min(Self.longestPause, .nanoseconds(span.nanoseconds / Int64(turns)))
        }
    }

    /// Long polls are answered at once. What comes meanwhile is ended as it comes.
    func endAll(within span: TimeAmount) {
        isEnding = true
        for stream in allStreams where !stream.isListener { stream.end() }
        let streams = allStreams
        let sockets = sockets.all
        let turns = Turns(of: streams.count + sockets.count, within: span)
        end(streams[...], sockets[...], turns)
    }

    /// Whatever was closed by itself in the meantime takes no harm.
    private func end(_ streams: ArraySlice<Subscriber>, _ sockets: ArraySlice<SocketHandler>, _ turns: Turns) {
        let first = streams.prefix(Turns.size)
        for stream in first { stream.end() }
        // A socket's subscriptions have ended it already; those without any are left.
        let firstSockets = sockets.prefix(Turns.size - first.count)
        for socket in firstSockets { socket.goAway() }
        let rest = (streams.dropFirst(first.count), sockets.dropFirst(firstSockets.count))
        guard !rest.0.isEmpty || !rest.1.isEmpty else { return }
        let next = NIOLoopBound((self, rest), eventLoop: eventLoop)
        eventLoop.scheduleTask(in: turns.pause) {
            let (shard, (streams, sockets)) = next.value
            shard.end(streams, sockets, turns)
        }
    }
}
