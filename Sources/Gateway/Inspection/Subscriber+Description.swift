import Broker

extension Subscriber {
    /// What operators see of it.
    func description(id: String) -> OpenStream {
        let topics = request.feedKey.topics
        let isLive = liveIndex != nil
        let position: Int64? = isLive ? shard.position : cursor.isOpening ? nil : cursor.position
        return OpenStream(
            id: id,
            user: request.origin.user,
            address: (request.origin.client ?? AddressBytes(connection?.remoteAddress))?.description,
            transport: transport,
            groups: topics.compactMap(\.group),
            patterns: topics.filter { $0.group == nil }.map(\.description),
            isLive: isLive,
            position: position.map { shard.epochs.id($0) },
            waitingBytes: connection?.waitingBytes ?? 0,
            since: request.origin.since
        )
    }
}
