/// Clients that do not keep up: they are counted, and whoever runs the server may want to know whose they are.
extension Subscriber {
    func note(_ reader: SlowReader) {
        switch reader {
        case .fellBehind: shard.counters.fellBehind.add(1)
        case .stalled: shard.counters.stalled.add(1)
        case .gone: shard.counters.gonePeers.add(1)
        case .pinned: shard.counters.pinnedTooMuch.add(1)
        }
        connection?.note(reader)
    }
}
