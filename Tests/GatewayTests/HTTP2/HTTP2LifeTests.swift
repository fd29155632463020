import NIOCore
import Testing

@testable import Gateway

/// When a connection of HTTP/2 ends.
struct HTTP2LifeTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private static func life(faults: Int = 1) -> HTTP2Life {
        HTTP2Life(firstStreamUntil: start + .seconds(10), idleTimeout: .seconds(75), maximumFaults: faults)
    }

    private static func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    @Test func `it waits for a first stream, then for the next`() {
        var life = Self.life()
        #expect(life.tick(Self.at(9)) == nil)
        life.streamOpened(1)
        #expect(life.tick(Self.at(1000)) == nil)
        #expect(life.streamClosed(Self.at(1000)) == nil)
        #expect(life.tick(Self.at(1074)) == nil)
        #expect(life.tick(Self.at(1075)) == .finish(last: 1))
        #expect(life.tick(Self.at(1075)) == nil)
        #expect(life.tick(Self.at(1076)) == .close)
    }

    @Test func `no first stream`() {
        var life = Self.life()
        #expect(life.tick(Self.at(10)) == .finish(last: 0))
    }

    @Test func `an end waits for the streams`() {
        var life = Self.life()
        life.streamOpened(1)
        life.streamOpened(3)
        #expect(!life.isEnding)
        #expect(life.shutDown(Self.at(0)) == nil)
        #expect(life.isEnding)
        #expect(life.shutDown(Self.at(0)) == nil)
        // It was under way.
        life.streamOpened(5)
        for _ in 0..<2 { #expect(life.streamClosed(Self.at(0)) == nil) }
        #expect(life.streamClosed(Self.at(0)) == .finish(last: 5))
    }

    @Test func `where streams take their time the client is told before`() {
        var life = Self.life()
        life.streamOpened(1)
        #expect(life.shutDown(Self.at(0)) == nil)
        #expect(life.tick(Self.at(1)) == .announceEnd)
        #expect(life.tick(Self.at(2)) == nil)
        #expect(life.streamClosed(Self.at(3)) == .finish(last: 1))
        #expect(life.tick(Self.at(4)) == .close)
    }

    @Test func `an end without streams is at once`() {
        var life = Self.life()
        #expect(life.shutDown(Self.at(0)) == .finish(last: 0))
    }

    @Test func `a fault of a stream is borne, many are not`() {
        var life = Self.life(faults: 2)
        life.streamOpened(1)
        #expect(life.failed(isInStream: true, Self.at(0)) == nil)
        #expect(life.failed(isInStream: true, Self.at(0)) == nil)
        #expect(life.failed(isInStream: true, Self.at(0)) == .finish(last: 1))
        #expect(life.streamClosed(Self.at(0)) == nil)
    }

    @Test func `a fault of the connection ends it`() {
        var life = Self.life()
        life.streamOpened(1)
        #expect(life.failed(isInStream: false, Self.at(0)) == .linger)
        #expect(life.failed(isInStream: false, Self.at(0)) == .close)
    }
}
