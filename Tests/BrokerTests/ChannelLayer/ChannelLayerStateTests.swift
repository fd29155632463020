import Testing

@testable import Broker

/// Moments that cannot be reached from outside with certainty.
struct ChannelLayerStateTests {
    private let now = ContinuousClock.now

    /// The task is cancelled after it looked for a message and before it waits: the handler finds nobody to wake, so the
    /// reader itself has to notice.
    @Test func aReaderThatIsCancelledJustBeforeItWaitsDoesNotWait() async throws {
        let channel = try ChannelName("channel")
        var state = ChannelLayerState(configuration: ChannelLayerConfiguration())
        guard case .wait(let reader) = state.beginReceive(on: channel, now: { now }) else {
            Issue.record("There was nothing to receive.")
            return
        }
        let wakeUp = state.cancel(reader, on: channel)
        #expect(wakeUp == nil)
        await withCheckedContinuation { continuation in
            let waits = state.wait(reader, on: channel, wakeUp: continuation, isCancelled: true, now: { now })
            #expect(!waits)
            continuation.resume()
        }
        #expect(state.footprint == ChannelLayerState.Footprint())
    }

    /// A message comes after a reader looked for one and before it waits.
    @Test func aReaderWhoseMessageComesJustBeforeItWaitsDoesNotWait() async throws {
        let channel = try ChannelName("channel")
        var state = ChannelLayerState(configuration: ChannelLayerConfiguration())
        guard case .wait(let reader) = state.beginReceive(on: channel, now: { now }) else {
            Issue.record("There was nothing to receive.")
            return
        }
        guard case .done = state.send(Message(text: "1"), to: channel, now: { now }) else {
            Issue.record("Nobody waited, and the channel was not full.")
            return
        }
        await withCheckedContinuation { continuation in
            let waits = state.wait(reader, on: channel, wakeUp: continuation, isCancelled: false, now: { now })
            #expect(!waits)
            continuation.resume()
        }
        let end = state.endReceive(by: reader, on: channel, isCancelled: false, now: { now })
        guard case .message(let message) = end else {
            Issue.record("The reader got nothing.")
            return
        }
        #expect(message.text == "1")
        #expect(state.footprint == ChannelLayerState.Footprint())
    }
}
