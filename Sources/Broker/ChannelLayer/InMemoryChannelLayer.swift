import NIOCore
import Synchronization

/// A channel layer within one process. See ``ChannelLayer`` for what it does.
///
/// Nothing outlives the process, and other processes see nothing of it. All state lies behind one lock, which is held
/// for a few operations on queues and never while anybody waits or user code runs, except for
/// ``ChannelSink/receive(_:in:)``. It has no task or timer of its own: each call also clears away a little of what has
/// expired, so a layer that nobody calls keeps what it has.
public final class InMemoryChannelLayer: ChannelLayer, Sendable {
    /// As it was given; does not change.
    public let configuration: ChannelLayerConfiguration

    private let state: Mutex<ChannelLayerState>
    private let now: @Sendable () -> ContinuousClock.Instant
    private let randomNumber: @Sendable () -> UInt64
    private let client: String

    /// - Parameters:
    ///   - configuration: Limits and times.
    ///   - now: The clock, which must never go backwards. It is read while the layer is locked: it must not call the
    ///     layer.
    public convenience init(
        configuration: ChannelLayerConfiguration = ChannelLayerConfiguration(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }
    ) {
        self.init(configuration: configuration, now: now) {
            var source = SystemRandomNumberGenerator()
            return source.next()
        }
    }

    init(
        configuration: ChannelLayerConfiguration,
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        randomNumber: @escaping @Sendable () -> UInt64
    ) {
        self.configuration = configuration
        self.now = now
        self.randomNumber = randomNumber
        client = Self.randomText(from: randomNumber)
        state = Mutex(ChannelLayerState(configuration: configuration))
    }

    public func newChannel(prefix: String) throws(BrokerError) -> ChannelName {
        try ChannelName("\(prefix).\(client)!\(Self.randomText(from: randomNumber))")
    }

    /// 19 characters of 5.17 bits each: with 98 bits, a trillion names clash with a probability of 1 to a million.
    private static func randomText(from randomNumber: () -> UInt64) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        var bytes: [UInt8] = []
        while bytes.count < 19 {
            let number = randomNumber()
            for shift in stride(from: 0, to: 64, by: 8) where bytes.count < 19 {
                // The highest multiple of 36 in a byte is 252: four more values would favour four of the characters.
                let byte = Int(truncatingIfNeeded: number >> UInt64(shift)) & 0xff
                if byte < 252 { bytes.append(alphabet[byte % 36]) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    public func send(_ message: Message, to channel: ChannelName) throws(BrokerError) {
        try checkSize(of: message)
        switch state.withLock({ $0.send(message, to: channel, now: now) }) {
        case .done:
            break
        case .wake(let reader):
            reader.resume()
        case .refuseFull(let unread):
            throw BrokerError(
                .channelFull,
                "The channel '\(channel)' is full: \(unread) messages wait in it. Read them, or send again later."
            )
        case .refuseClosed:
            throw Self.closedError
        }
    }

    public func receive(_ channel: ChannelName) async throws -> Message {
        try Task.checkCancellation()
        let reader: ReaderID
        switch state.withLock({ $0.beginReceive(on: channel, now: now) }) {
        case .message(let message): return message
        case .wait(let begun): reader = begun
        case .refuseClosed: throw Self.closedError
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Asked while the layer is locked: a task is marked as cancelled before its handler runs, so either this
                // sees the mark, or the handler gets the lock later and finds the reader waiting.
                let waits = state.withLock {
                    $0.wait(reader, on: channel, wakeUp: continuation, isCancelled: Task.isCancelled, now: now)
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.cancel(reader, on: channel) }?.resume()
        }
        let end = state.withLock { $0.endReceive(by: reader, on: channel, isCancelled: Task.isCancelled, now: now) }
        switch end {
        case .message(let message):
            return message
        case .throwCancellation(let wakeUp):
            wakeUp?.resume()
            throw CancellationError()
        case .throwClosed:
            throw Self.closedError
        }
    }

    public func groupAdd(_ channel: ChannelName, to group: GroupName) {
        state.withLock { $0.groupAdd(channel, to: group, now: now) }
    }

    public func groupDiscard(_ channel: ChannelName, from group: GroupName) {
        state.withLock { $0.groupDiscard(channel, from: group) }
    }

    public func groupAdd(_ sink: any ChannelSink, to topic: Topic) {
        if !state.withLock({ $0.groupAdd(sink, to: topic) }) { sink.layerDidClose() }
    }

    public func groupDiscard(_ sink: any ChannelSink, from topic: Topic) {
        state.withLock { $0.groupDiscard(sink, from: topic) }
    }

    public func groupSend(_ message: Message, to group: GroupName) throws(BrokerError) {
        try checkSize(of: message)
        guard let action = state.withLock({ $0.groupSend(message, to: group, now: now) }) else {
            throw Self.closedError
        }
        perform(action)
    }

    public func groupSend(contentsOf messages: [Message]) {
        perform(state.withLock { $0.groupSend(contentsOf: messages, now: now) })
    }

    public func flush() {
        perform(state.withLock { $0.flush() })
    }

    public func close() {
        perform(state.withLock { $0.close() })
    }

    public func removeChannel(_ channel: ChannelName) {
        state.withLock { $0.removeChannel(channel) }
    }

    public var channels: [ChannelName: Int] { state.withLock { $0.unreadCounts(now: now) } }

    public var groups: [GroupName: GroupMembers] { state.withLock { $0.groupMembers(now: now) } }

    public var counters: ChannelLayerCounters { state.withLock { $0.counters } }

    var footprint: ChannelLayerState.Footprint { state.withLock { $0.footprint } }

    func waitingReaders(of channel: ChannelName) -> Int { state.withLock { $0.waitingReaders(of: channel) } }

    private func perform(_ action: ChannelLayerState.GroupSendAction) {
        for reader in action.wakeUps { reader.resume() }
        for sink in action.sinks { sink.deliveriesDidEnd() }
    }

    private func perform(_ emptied: ChannelLayerState.Emptied) {
        for reader in emptied.wakeUps { reader.resume() }
        for sink in emptied.closedSinks { sink.layerDidClose() }
    }

    private func checkSize(of message: Message) throws(BrokerError) {
        let size = message.event.utf8.count + message.data.readableBytes
        guard size <= configuration.maximumMessageSize else {
            throw BrokerError(
                .messageTooLarge,
                "The message has \(size) bytes, and \(configuration.maximumMessageSize) are the limit: send less at once."
            )
        }
    }

    private static var closedError: BrokerError {
        BrokerError(.closed, "The channel layer is closed: it takes and gives no more messages.")
    }
}
