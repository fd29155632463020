import NIOCore

/// When a connection of HTTP/2 ends, and in which steps. A pure state machine.
///
/// A server that stops ends its streams first, and then says that it took them all (GOAWAY, RFC 9113 §6.8): many clients
/// read nothing more of a connection after that frame. Where streams take their time it is said before, so that the client
/// opens no other there.
struct HTTP2Life {
    enum Action: Equatable {
        /// Tell the client to open no more streams.
        case announceEnd
        /// Tell it the last stream that was taken, then close.
        case finish(last: Int)
        /// All is told: close this side, and wait for the client.
        case linger
        case close
    }

    private enum State {
        case open
        /// The streams that are open are the last; whether the client was told.
        case ending(isTold: Bool)
        /// Nothing is answered any more.
        case lingering(until: NIODeadline)
    }

    private let idleTimeout: TimeAmount
    private let maximumFaults: Int
    private var state = State.open
    private var streams = 0
    private var lastStream = 0
    private var faults = 0
    /// Until when a stream has to be opened while there is none.
    private var idleUntil: NIODeadline

    init(firstStreamUntil: NIODeadline, idleTimeout: TimeAmount, maximumFaults: Int) {
        (idleUntil, self.idleTimeout, self.maximumFaults) = (firstStreamUntil, idleTimeout, maximumFaults)
    }

    /// Whether a stream that is opened now is the connection's last.
    var isEnding: Bool { if case .open = state { false } else { true } }

    mutating func streamOpened(_ id: Int) {
        streams += 1
        lastStream = max(lastStream, id)
    }

    mutating func streamClosed(_ now: NIODeadline) -> Action? {
        streams -= 1
        guard streams == 0 else { return nil }
        switch state {
        case .open:
            idleUntil = now + idleTimeout
            return nil
        case .ending:
            return finish(now)
        case .lingering:
            return nil
        }
    }

    mutating func shutDown(_ now: NIODeadline) -> Action? {
        guard case .open = state else { return nil }
        guard streams > 0 else { return finish(now) }
        state = .ending(isTold: false)
        return nil
    }

    /// The peer broke the protocol.
    ///
    /// - Parameter isInStream: Only one stream is broken, and was reset. Otherwise the client was told that the connection ends.
    mutating func failed(isInStream: Bool, _ now: NIODeadline) -> Action? {
        if case .lingering = state { return .close }
        if isInStream {
            faults += 1
            if faults <= maximumFaults { return nil }
            return finish(now)
        }
        state = .lingering(until: now + Self.lingerTime)
        return .linger
    }

    mutating func tick(_ now: NIODeadline) -> Action? {
        switch state {
        case .open:
            return streams == 0 && now >= idleUntil ? finish(now) : nil
        case .ending(isTold: false):
            state = .ending(isTold: true)
            return .announceEnd
        case .ending(isTold: true):
            return nil
        case .lingering(let end):
            return now >= end ? .close : nil
        }
    }

    /// How long the client has to close its side.
    private static let lingerTime = TimeAmount.seconds(1)

    private mutating func finish(_ now: NIODeadline) -> Action {
        state = .lingering(until: now + Self.lingerTime)
        return .finish(last: lastStream)
    }
}
