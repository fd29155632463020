import Broker
import Testing

@testable import Gateway

/// Which action each event leads to, in each state.
struct StreamCursorTests {
    typealias Action = StreamCursor.Action

    private static func epoch(_ text: String = "aaaa") throws -> Epoch { try #require(Epoch(text)) }

    private static func joined(
        _ start: StreamCursor.Start,
        at position: Int64 = 100,
        floor: Int64 = 50
    ) throws -> (StreamCursor, Action) {
        var cursor = StreamCursor(start: start)
        #expect(cursor.phase == .joining)
        #expect(cursor.isOpening)
        let epochs = EpochState(try epoch(), lineage: [.init(epoch: try epoch("cccc"), through: 60)])
        let action = cursor.joined(at: position, floor: floor, epochs: epochs)
        return (cursor, action)
    }

    private static func after(_ sequence: Int64, _ text: String = "aaaa") throws -> StreamCursor.Start {
        .after(MessageID(epoch: try epoch(text), sequence: sequence))
    }

    @Test func `without a position a stream is live at once`() throws {
        let (cursor, action) = try Self.joined(.latest)
        #expect(action == .open(resumed: false, reset: nil))
        #expect(cursor.phase == .live)
        #expect(cursor.position == 100)
        #expect(!cursor.isOpening)
    }

    @Test func `an id that cannot be gone on from is answered with a reset, live`() throws {
        let cases: [(StreamCursor.Start, StreamPreamble.ResetReason)] = [
            (.malformed("x"), .malformed), (try Self.after(5, "bbbb"), .unknownEpoch), (try Self.after(101), .future),
            (try Self.after(.max), .future), (try Self.after(101, "bbbb"), .unknownEpoch),
            (try Self.after(61, "cccc"), .unknownEpoch),
        ]
        for (start, reason) in cases {
            let (cursor, action) = try Self.joined(start)
            #expect(action == .open(resumed: false, reset: reason))
            #expect(cursor.phase == .live)
            #expect(cursor.position == 100)
        }
    }

    @Test(
        arguments: [
            (100, .live, .open(resumed: true, reset: nil)),
            (99, .catchingUp, .open(resumed: true, reset: nil)),
            (50, .catchingUp, .open(resumed: true, reset: nil)),
            (49, .checking, .read(after: 49, through: 100)),
            (0, .checking, .read(after: 0, through: 100)),
        ] as [(Int64, StreamCursor.Phase, Action)]
    )
    func `a resume begins at the client's position`(at sequence: Int64, phase: StreamCursor.Phase, action: Action)
        throws
    {
        let (cursor, first) = try Self.joined(try Self.after(sequence))
        #expect(first == action)
        #expect(cursor.phase == phase)
        #expect(cursor.position == sequence)
    }

    @Test func `a replay asks the store, and opens at what it says`() throws {
        var (cursor, action) = try Self.joined(.replay(.last(3)))
        #expect(action == .resolve(.last(3)))
        #expect(cursor.isOpening)
        action = cursor.resolved(at: 20)
        #expect(action == .open(resumed: false, reset: nil))
        #expect(cursor.position == 20)
        action = cursor.proceed(shardPosition: 120, floor: 50)
        #expect(action == .read(after: 20, through: 120))
        #expect(cursor.phase == .reading)
        // What was removed before the first page is no gap to somebody who never had a position.
        action = cursor.took(removedThrough: 70, beforeOldest: 70)
        #expect(action == .write)
        cursor.wrote(upTo: 90)
        action = cursor.proceed(shardPosition: 120, floor: 50)
        #expect(action == .readRecent(after: 90))
        #expect(cursor.phase == .catchingUp)
        cursor.wrote(upTo: 120)
        action = cursor.proceed(shardPosition: 120, floor: 50)
        #expect(action == .wait)
        #expect(cursor.phase == .live)
    }

    @Test func `a resume whose messages are all there goes on with its first page`() throws {
        var (cursor, _) = try Self.joined(try Self.after(20))
        let action = cursor.took(removedThrough: 20, beforeOldest: 3)
        #expect(action == .open(resumed: true, reset: nil, thenWrite: true))
        #expect(cursor.position == 20)
        #expect(cursor.phase == .catchingUp)
    }

    @Test func `a resume from before what was removed begins before the oldest`() throws {
        var (cursor, _) = try Self.joined(try Self.after(20))
        let action = cursor.took(removedThrough: 21, beforeOldest: 30)
        #expect(action == .open(resumed: false, reset: .expired))
        #expect(cursor.position == 30)
        // The same removal is told once.
        #expect(cursor.proceed(shardPosition: 100, floor: 50) == .read(after: 30, through: 100))
        let next = cursor.took(removedThrough: 21, beforeOldest: 30)
        #expect(next == .write)
    }

    @Test func `a removal that overtakes a reader is told, a further one again`() throws {
        var (cursor, _) = try Self.joined(.replay(.all))
        _ = cursor.resolved(at: 0)
        _ = cursor.proceed(shardPosition: 100, floor: 90)
        #expect(cursor.took(removedThrough: 0, beforeOldest: 0) == .write)
        cursor.wrote(upTo: 10)
        _ = cursor.proceed(shardPosition: 100, floor: 90)
        #expect(cursor.took(removedThrough: 30, beforeOldest: 30) == .reset(.expired))
        #expect(cursor.position == 30)
        _ = cursor.proceed(shardPosition: 100, floor: 90)
        #expect(cursor.took(removedThrough: 40, beforeOldest: 40) == .reset(.expired))
        _ = cursor.proceed(shardPosition: 100, floor: 90)
        #expect(cursor.took(removedThrough: 40, beforeOldest: 40) == .write)
    }

    @Test func `a live stream falls behind, and reads on from there`() throws {
        var (cursor, _) = try Self.joined(.latest)
        #expect(cursor.proceed(shardPosition: 130, floor: 0) == .wait)
        cursor.fellBehind(at: 120)
        #expect(cursor.phase == .catchingUp)
        #expect(cursor.position == 120)
        cursor.fellBehind(at: 10)
        #expect(cursor.position == 120)
        #expect(cursor.proceed(shardPosition: 130, floor: 121) == .read(after: 120, through: 130))
        #expect(cursor.took(removedThrough: 119, beforeOldest: 125) == .write)
    }

    @Test func `events that come late change nothing`() throws {
        var (cursor, _) = try Self.joined(.latest)
        #expect(cursor.resolved(at: 3) == .wait)
        #expect(cursor.took(removedThrough: 0, beforeOldest: 0) == .wait)
        #expect(cursor.phase == .live)
        cursor.end()
        #expect(cursor.resolved(at: 3) == .wait)
        #expect(cursor.proceed(shardPosition: 200, floor: 0) == .wait)
        cursor.fellBehind(at: 3)
        #expect(cursor.phase == .ended)
    }
}
