import Broker
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// A subscriber on a connection that is no socket: what it writes, when it waits, how it ends.
@Suite(.timeLimit(.minutes(1)))
struct SubscriberTests {
    /// A connection that keeps what is written, and takes it when it is told to.
    private final class Connection: SubscriberConnection {
        var isWritable = true
        var waitingBytes = 0
        var peerSilence = PeerSilence.none
        var client: ReadClient { .current }
        private(set) var text = ""
        private(set) var isFinished = false
        private(set) var isClosed = false

        func send(_ frame: ByteBuffer) { text += String(buffer: frame) }

        func finish(_ last: ByteBuffer) {
            text += String(buffer: last)
            isFinished = true
        }

        func close() { isClosed = true }
    }

    private struct Opened {
        let subscriber: Subscriber
        let connection: Connection
        let shard: Shard

        /// The data of the messages that came.
        var data: [String] {
            connection.text.split(separator: "\n").filter { $0.hasPrefix("data: ") && !$0.contains("{") }
                .map { String($0.dropFirst(6)) }
        }

        func look(after time: TimeAmount, mayPin: Int = .max) -> Int {
            subscriber.look(shard.now + time, mayPin: mayPin)
        }
    }

    /// Opens a subscriber of the group `g`, and lets the loop run until it is live.
    private static func open(
        _ bench: ShardBench,
        _ start: StreamCursor.Start = .latest,
        grant change: @Sendable (inout StreamGrant) -> Void = { _ in },
        isLive: Bool = true
    ) async throws -> NIOLoopBound<Opened> {
        let group = try GroupName("g")
        var grant = StreamGrant(groups: [group])
        change(&grant)
        let (shard, loop, given) = (bench.shard, bench.loop, grant)
        let opened = try await loop.executeInContext {
            let request = Subscriber.Request(
                feedKey: Feed.Key(topics: [.group(group)], style: StreamStyle(format: .plain, framing: .plain)),
                start: start,
                requested: "",
                grant: given
            )
            let opened = Opened(
                subscriber: Subscriber(request: request, shard: shard.value),
                connection: Connection(),
                shard: shard.value
            )
            opened.subscriber.begin(on: opened.connection)
            return NIOLoopBound(opened, eventLoop: loop)
        }
        let counters = bench.counters
        if isLive { try await bench.run { counters.liveStreams.value == 1 } }
        return opened
    }

    @Test func `it says where it stands before anything else, then each message once and in order`() async throws {
        let bench = try await ShardBench()
        try await bench.publish(3)
        let opened = try await Self.open(bench, .replay(.all))
        try await bench.publish(3)
        await bench.loop.run()
        try await bench.loop.executeInContext {
            #expect(opened.value.connection.text.hasPrefix("retry: 1000\nevent: stream-open\n"))
            #expect(opened.value.data == ["0", "1", "2", "0", "1", "2"])
            opened.value.subscriber.connectionClosed()
        }
        #expect(bench.counters.streams.value == 0)
    }

    @Test func `it writes nothing to a connection that is full, and goes on where it stood`() async throws {
        let bench = try await ShardBench()
        let opened = try await Self.open(bench)
        try await bench.publish(1)
        await bench.loop.run()
        try await bench.loop.executeInContext {
            opened.value.connection.isWritable = false
            opened.value.subscriber.writabilityChanged(false)
        }
        for _ in 0..<5 {
            try await bench.publish(100)
            await bench.loop.run()
        }
        let counters = bench.counters
        try await bench.loop.executeInContext {
            #expect(opened.value.data == ["0"])
            #expect(counters.fellBehind.value == 1)
            opened.value.connection.isWritable = true
            opened.value.subscriber.writabilityChanged(true)
        }
        try await bench.run { counters.liveStreams.value == 1 }
        try await bench.loop.executeInContext {
            #expect(opened.value.data == ["0"] + (0..<5).flatMap { _ in (0..<100).map { "\($0)" } })
            opened.value.subscriber.connectionClosed()
        }
    }

    @Test func `it speaks where it was silent, and only then`() async throws {
        let bench = try await ShardBench()
        let opened = try await Self.open(bench)
        try await bench.loop.executeInContext {
            let before = opened.value.connection.text
            _ = opened.value.look(after: .seconds(5))
            #expect(opened.value.connection.text == before)
            _ = opened.value.look(after: .seconds(12))
            #expect(opened.value.connection.text == before + ":\n\n")
            // What waits is a sign of life to come.
            opened.value.connection.waitingBytes = 10
            _ = opened.value.look(after: .seconds(30))
            #expect(opened.value.connection.text == before + ":\n\n")
            #expect(!opened.value.connection.isClosed)
            opened.value.subscriber.connectionClosed()
        }
    }

    @Test(arguments: ["gone", "stalled", "pins too much"])
    func `it closes a client that is gone, takes nothing or holds too much`(what: String) async throws {
        let bench = try await ShardBench()
        let opened = try await Self.open(bench)
        let counters = bench.counters
        try await bench.loop.executeInContext {
            switch what {
            case "gone":
                for second in 1...4 {
                    opened.value.connection.peerSilence = .unanswered(for: .seconds(Int64(second) * 10))
                    _ = opened.value.look(after: .seconds(Int64(second) * 10))
                }
                #expect(counters.gonePeers.value > 0)
            case "stalled":
                opened.value.connection.waitingBytes = 100
                for minute in 0...11 { _ = opened.value.look(after: .minutes(Int64(minute))) }
                #expect(counters.stalled.value > 0)
            default:
                opened.value.connection.waitingBytes = 1001
                #expect(opened.value.look(after: .seconds(1), mayPin: 1000) == 0)
                #expect(counters.pinnedTooMuch.value == 1)
            }
            #expect(opened.value.connection.isClosed)
            opened.value.subscriber.connectionClosed()
        }
    }

    @Test func `it ends once, with a time after which to come back, and follows nothing then`() async throws {
        let bench = try await ShardBench()
        let opened = try await Self.open(bench)
        try await bench.loop.executeInContext {
            opened.value.subscriber.end()
            opened.value.subscriber.end()
        }
        try await bench.publish(1)
        await bench.loop.run()
        let counters = bench.counters
        try await bench.loop.executeInContext {
            #expect(opened.value.connection.isFinished)
            #expect(opened.value.connection.text.hasSuffix("\n\nretry: 1000\n\n"))
            #expect(opened.value.data.isEmpty)
            #expect(opened.value.subscriber.feed == nil && counters.streams.value == 0)
            // Its client has a bounded time to take the rest.
            _ = opened.value.look(after: .seconds(29))
            #expect(!opened.value.connection.isClosed)
            _ = opened.value.look(after: .seconds(31))
            #expect(opened.value.connection.isClosed)
            opened.value.subscriber.connectionClosed()
            opened.value.subscriber.connectionClosed()
        }
    }

    @Test func `it ends when its grant is over before it begins`() async throws {
        let bench = try await ShardBench()
        let end = StreamEnd()
        await end.end()
        let opened = try await Self.open(bench, grant: { $0.end = end }, isLive: false)
        try await bench.loop.executeInContext {
            #expect(opened.value.connection.isFinished)
            #expect(!opened.value.connection.text.contains("event: message"))
            opened.value.subscriber.connectionClosed()
        }
        #expect(bench.counters.streams.value == 0)
    }

    @Test func `it ends by the wall clock, also where that is set back meanwhile`() async throws {
        let clock = StreamBox(Timestamp(milliseconds: 1_000_000))
        let bench = try await ShardBench { $0.wallClock = { clock.withLock { $0 } } }
        let opened = try await Self.open(bench, grant: { $0.expiresAt = Timestamp(milliseconds: 1_030_000) })
        // The time has passed, and the clock was set back.
        await bench.loop.advanceTime(by: .seconds(31))
        try await bench.loop.executeInContext { #expect(!opened.value.connection.isFinished) }
        clock.withLock { $0 = Timestamp(milliseconds: 1_030_000) }
        await bench.loop.advanceTime(by: .seconds(60))
        try await bench.loop.executeInContext {
            #expect(opened.value.connection.isFinished)
            opened.value.subscriber.connectionClosed()
        }
    }
}
