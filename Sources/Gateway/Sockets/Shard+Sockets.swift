/// The WebSockets of an event loop.
extension Shard {
    /// - Returns: The number by which ``remove(socket:)`` knows it.
    func insert(_ socket: SocketHandler) -> Int {
        let number = nextNumber()
        sockets[number] = socket
        counters.sockets.add(1)
        if isEnding { socket.goAway() }
        return number
    }

    func remove(socket number: Int) {
        guard sockets[number] != nil else { return }
        sockets[number] = nil
        counters.sockets.add(-1)
    }
}
