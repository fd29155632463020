/// Clients that do not keep up: they are counted, and whoever runs the server may want to know whose they are.
extension Subscriber {
    func note(_ reader: SlowReader) {
        shard.counters.count(reader)
        connection?.note(reader)
    }
}

extension Counters {
    func count(_ reader: SlowReader) {
        switch reader {
        case .fellBehind: fellBehind.add(1)
        case .stalled: stalled.add(1)
        case .gone: gonePeers.add(1)
        case .pinned: pinnedTooMuch.add(1)
        }
    }
}
