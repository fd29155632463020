import Synchronization
import Testing

@testable import Broker

/// A channel layer that the conformance suites are run against. They take all of ``all``: a second layer is tested by
/// adding it there.
struct ChannelLayerSubject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let makeLayer: @Sendable (ChannelLayerConfiguration, ManualClock) -> any ChannelLayer
    /// How many calls of `receive` wait for a channel. The interface has no need of it, but tests that must not sleep do.
    let waitingReaders: @Sendable (any ChannelLayer, ChannelName) -> Int

    static let all = [inMemory]

    static let inMemory = ChannelLayerSubject(
        testDescription: "in memory",
        makeLayer: { InMemoryChannelLayer(configuration: $0, now: $1.now) },
        waitingReaders: { ($0 as? InMemoryChannelLayer)?.waitingReaders(of: $1) ?? 0 }
    )

    /// A layer for one test.
    func bench(_ configuration: ChannelLayerConfiguration = ChannelLayerConfiguration()) -> ChannelLayerBench {
        let clock = ManualClock()
        return ChannelLayerBench(layer: makeLayer(configuration, clock), clock: clock, waitingReaders: waitingReaders)
    }
}

/// A layer, its clock, and what tests do with them again and again.
struct ChannelLayerBench: Sendable {
    let layer: any ChannelLayer
    let clock: ManualClock
    let waitingReaders: @Sendable (any ChannelLayer, ChannelName) -> Int

    func send(_ texts: String..., to channel: ChannelName) throws {
        for text in texts { try layer.send(Message(text: text), to: channel) }
    }

    func groupSend(_ texts: String..., to group: GroupName) throws {
        for text in texts { try layer.groupSend(Message(text: text), to: group) }
    }

    func receive(_ channel: ChannelName) async throws -> String {
        try await layer.receive(channel).text
    }

    func receive(_ count: Int, from channel: ChannelName) async throws -> [String] {
        var texts: [String] = []
        for _ in 0..<count { texts.append(try await receive(channel)) }
        return texts
    }

    /// A `receive` that waits by the time this returns.
    func waitingReader(
        on channel: ChannelName,
        executor: HandDrivenExecutor? = nil
    ) async throws -> Task<String, any Error> {
        let (reader, waits) = await reader(on: channel, executor: executor)
        try #require(waits, "There was a message in '\(channel)' already.")
        return reader
    }

    /// Whether a `receive` would have to wait.
    func isEmpty(_ channel: ChannelName) async -> Bool {
        let (reader, waits) = await reader(on: channel, executor: nil)
        reader.cancel()
        _ = await reader.result
        return waits
    }

    private func reader(
        on channel: ChannelName,
        executor: HandDrivenExecutor?
    ) async -> (Task<String, any Error>, waits: Bool) {
        let before = waitingReaders(layer, channel)
        let hasEnded = Flag()
        let reader = Task(executorPreference: executor) {
            defer { hasEnded.raise() }
            return try await layer.receive(channel).text
        }
        while true {
            executor?.runAll()
            if waitingReaders(layer, channel) > before { return (reader, waits: true) }
            if hasEnded.isRaised { return (reader, waits: false) }
            await Task.yield()
        }
    }
}

/// Expects an error of the broker with a certain code.
func expectError(
    _ code: BrokerError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    let error = #expect(throws: BrokerError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
}

/// Expects that a reader ends with a cancellation.
func expectCancellation(
    of reader: Task<String, any Error>,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    await #expect(throws: CancellationError.self, sourceLocation: sourceLocation) { try await reader.value }
}
