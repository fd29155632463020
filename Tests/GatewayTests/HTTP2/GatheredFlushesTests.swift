import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// What is written in one turn goes out together, and nothing waits longer.
struct GatheredFlushesTests {
    private static func channel(waterMark: Int = 200) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(GatheredFlushes(waterMark: waterMark))
        return channel
    }

    private static func write(_ count: Int, to channel: EmbeddedChannel) {
        channel.writeAndFlush(IOData.byteBuffer(ByteBuffer(repeating: 0, count: count)), promise: nil)
    }

    private static func sent(_ channel: EmbeddedChannel) throws -> Int {
        var count = 0
        while let data = try channel.readOutbound(as: IOData.self) { count += data.readableBytes }
        return count
    }

    @Test func `writes of one turn go out at its end`() throws {
        let channel = try Self.channel()
        for _ in 0..<3 { Self.write(10, to: channel) }
        #expect(try Self.sent(channel) == 0)
        channel.embeddedEventLoop.run()
        #expect(try Self.sent(channel) == 30)
        Self.write(10, to: channel)
        channel.embeddedEventLoop.run()
        #expect(try Self.sent(channel) == 10)
    }

    @Test func `much goes out at once`() throws {
        let channel = try Self.channel()
        Self.write(60, to: channel)
        #expect(try Self.sent(channel) == 0)
        Self.write(60, to: channel)
        #expect(try Self.sent(channel) == 120)
        Self.write(10, to: channel)
        channel.embeddedEventLoop.run()
        #expect(try Self.sent(channel) == 10)
    }

    @Test func `an end loses nothing`() throws {
        let channel = try Self.channel()
        Self.write(10, to: channel)
        channel.close(promise: nil)
        #expect(try Self.sent(channel) == 10)
        channel.embeddedEventLoop.run()
    }
}
