import Broker
import Logging
import NIOCore

extension PageReads {
    /// Asks where a replay begins: ``Subscriber/resolved(at:)``. Tries again until the store answers, or the stream has
    /// gone.
    func resolve(_ start: ReplayStart, _ feed: Feed, through: Int64, for stream: Subscriber) {
        let this = NIOLoopBound((reads: self, feed: feed, stream: stream), eventLoop: eventLoop)
        let (store, topics, client) = (store, feed.key.topics, stream.client)
        let work: @Sendable () async -> Void = {
            let position = await ReadClient.$current.withValue(client) {
                await outcome { () async throws(BrokerError) in
                    try await store.position(of: start, in: topics, through: through)
                }
            }
            // Dropped, and so interrupted.
            guard !Task.isCancelled else { return }
            this.eventLoop.execute {
                let (reads, stream) = (this.value.reads, this.value.stream)
                // Dropped just now.
                guard reads.resolving.removeValue(forKey: stream.number) != nil else { return }
                switch position {
                case .success(let position): stream.resolved(at: position)
                case .failure(let error):
                    reads.logger.error("The beginning of a replay could not be read", metadata: ["error": "\(error)"])
                    this.eventLoop.scheduleTask(in: Self.retryDelay) {
                        guard this.value.stream.isOpen else { return }
                        this.value.reads.resolve(start, this.value.feed, through: through, for: this.value.stream)
                    }
                }
            }
        }
        resolving[stream.number] = shared.outside.run(work)
    }
}
