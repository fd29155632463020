import NIOCore

/// A client that takes its answer slowly keeps the connection; one that takes nothing loses it.
struct SlowAnswer {
    private var waitingBytes = 0
    private var lastTaken = NIODeadline.distantPast

    /// - Returns: Whether it is given more time.
    mutating func look(_ now: NIODeadline, waitingBytes: Int, _ stallTimeout: TimeAmount) -> Bool {
        defer { self.waitingBytes = waitingBytes }
        guard waitingBytes > 0 || self.waitingBytes > 0 else { return false }
        if waitingBytes != self.waitingBytes { lastTaken = now }
        return now - lastTaken < stallTimeout
    }
}
