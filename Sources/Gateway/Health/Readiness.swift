import Broker
import NIOCore
import Synchronization

/// Proves that a message would get through: the store takes a write, and the channel layer reaches every event loop.
///
/// Whoever asks within a second gets the same answer, so that many who ask cost one probe. Safe to use from any thread.
final class Readiness: Sendable {
    private struct State {
        var probe: Task<[String], Never>?
        var began = ContinuousClock.now
        /// Nil while the server does not serve.
        var loops: [any EventLoop]?
        /// A write that has not come back: no other is begun meanwhile.
        var isWriting = false
    }

    private let log: MessageLog
    private let outside: OutsideWork
    private let state = Mutex(State())

    /// What has not come back by then counts as failed.
    static let timeLimit = Duration.seconds(2)
    private static let sharedFor = Duration.seconds(1)

    init(log: MessageLog, outside: OutsideWork) {
        (self.log, self.outside) = (log, outside)
    }

    func start(_ loops: [any EventLoop]) {
        state.withLock { $0.loops = loops }
    }

    /// The server is about to stop: it is not ready from now on.
    func stop() {
        state.withLock { $0.loops = nil }
    }

    /// - Returns: What failed, a sentence each; nothing where messages get through.
    func check() async -> [String] {
        let probe = state.withLock { state -> Task<[String], Never>? in
            guard let loops = state.loops else { return nil }
            if let probe = state.probe, .now - state.began < Self.sharedFor { return probe }
            let work: @Sendable () async -> [String] = { await self.probe(loops) }
            (state.probe, state.began) = (Task(operation: work), .now)
            return state.probe
        }
        return await probe?.value ?? ["The server does not serve: it starts or stops."]
    }

    private func probe(_ loops: [any EventLoop]) async -> [String] {
        // The loops outlive it.
        outside.begin()
        defer { outside.end() }
        async let store = storeFaults()
        async let layer = layerFault(loops)
        return await store + [layer].compactMap(\.self)
    }

    // MARK: The store

    private func storeFaults() async -> [String] {
        let isFree = state.withLock { state in
            defer { state.isWriting = true }
            return !state.isWriting
        }
        let late = "The store has not taken a write within \(Self.timeLimit.components.seconds) s."
        guard isFree else { return [late] }
        let result = OneAnswer<[String]>()
        outside.run {
            do throws(BrokerError) {
                try await self.log.store.checkWritable()
                result.give([])
            } catch {
                result.give(["The store takes no writes: \(error.message)"])
            }
            self.state.withLock { $0.isWriting = false }
        }
        return await result.wait(Self.timeLimit) ?? [late]
    }

    // MARK: The layer and the loops

    private func layerFault(_ loops: [any EventLoop]) async -> String? {
        let reached = Mutex(Set<Int>())
        let all = OneAnswer<Void>()
        // A name that no client can have chosen before.
        guard let group = try? GroupName("notify-probe-\(UInt64.random(in: 0...UInt64.max))") else { return nil }
        let sinks = loops.enumerated().map { index, loop in
            ProbeSink(loop) {
                let count = reached.withLock { reached in
                    reached.insert(index)
                    return reached.count
                }
                if count == loops.count { all.give(()) }
            }
        }
        for sink in sinks { log.layer.groupAdd(sink, to: group) }
        defer { for sink in sinks { log.layer.groupDiscard(sink, from: group) } }
        do {
            try log.layer.groupSend(Message(text: ""), to: group)
        } catch {
            return "The channel layer takes no messages: \(error.message)"
        }
        guard await all.wait(Self.timeLimit) == nil else { return nil }
        let missing = loops.count - reached.withLock { $0.count }
        return "\(missing) of \(loops.count) event loops have not taken a message within "
            + "\(Self.timeLimit.components.seconds) s."
    }
}

/// Tells when a message has come to an event loop.
private final class ProbeSink: ChannelSink {
    private let eventLoop: any EventLoop
    private let arrived: @Sendable () -> Void

    init(_ eventLoop: any EventLoop, _ arrived: @escaping @Sendable () -> Void) {
        (self.eventLoop, self.arrived) = (eventLoop, arrived)
    }

    func receive(_ message: Message, in group: GroupName) {}

    func deliveriesDidEnd() {
        eventLoop.execute(arrived)
    }
}

/// An answer that one gives and one waits for, not for ever.
private final class OneAnswer<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiter: CheckedContinuation<Value?, Never>?
        var isOver = false
    }

    private let state = Mutex(State())

    func give(_ value: Value) {
        finish(value)
    }

    private func finish(_ value: Value?) {
        let waiter = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            guard !state.isOver else { return nil }
            state.isOver = true
            state.value = value
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: value)
    }

    /// - Returns: Nil where it has not come in time.
    func wait(_ time: Duration) async -> Value? {
        let timer = Task {
            guard (try? await Task.sleep(for: time)) != nil else { return }
            self.finish(nil)
        }
        defer { timer.cancel() }
        return await withCheckedContinuation { continuation in
            let (isOver, value) = state.withLock { state in
                if !state.isOver { state.waiter = continuation }
                return (state.isOver, state.value)
            }
            if isOver { continuation.resume(returning: value) }
        }
    }
}
