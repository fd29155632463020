import Broker
import NIOCore
import Testing

@testable import Gateway

struct RecentMessagesTests {
    private let epoch = Epoch.random()

    private func message(_ sequence: Int64, bytes: Int = 0) -> Message {
        Message(id: MessageID(epoch: epoch, sequence: sequence), data: ByteBuffer(repeating: 120, count: bytes))
    }

    private func name(_ text: String) throws -> GroupName { try GroupName(text) }

    private func sequences(
        _ recent: RecentMessages,
        _ groups: [GroupName],
        after: Int64,
        maximumBytes: Int = .max
    ) -> [Int64] {
        recent.messages(of: groups, after: after, maximumBytes: maximumBytes, now: .now()).compactMap {
            $0.id?.sequence
        }
    }

    @Test func `messages of several groups come in the order of their ids`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let groups = try ["a", "b", "c"].map(name)
        for group in groups { recent.follow(group, from: 10) }
        for sequence in Int64(11)...40 { recent.add(message(sequence), in: groups[Int(sequence) % 3]) }
        #expect(sequences(recent, groups, after: 10) == Array(11...40))
        #expect(sequences(recent, groups, after: 25) == Array(26...40))
        #expect(sequences(recent, [groups[0]], after: 30) == [33, 36, 39])
        #expect(sequences(recent, groups, after: 40) == [])
        #expect(recent.floor(of: groups) == 10)
    }

    @Test func `a piece ends at its bound, but holds one message`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let group = try name("a")
        recent.follow(group, from: 0)
        for sequence in Int64(1)...5 { recent.add(message(sequence, bytes: 100), in: group) }
        #expect(sequences(recent, [group], after: 0, maximumBytes: 250) == [1, 2])
        #expect(sequences(recent, [group], after: 0, maximumBytes: 1) == [1])
    }

    @Test func `the oldest go first, and the floor rises with them`() throws {
        var recent = RecentMessages(maximumBytes: 10 * 400)
        let (a, b) = (try name("a"), try name("b"))
        recent.follow(a, from: 0)
        recent.follow(b, from: 0)
        for sequence in Int64(1)...4 { recent.add(message(sequence), in: a) }
        for sequence in Int64(5)...12 { recent.add(message(sequence), in: b) }
        #expect(recent.bytes == 10 * 400)
        #expect(recent.evictions == 2)
        #expect(recent.floor(of: [a]) == 2)
        #expect(recent.floor(of: [b]) == 0)
        #expect(recent.floor(of: [a, b]) == 2)
        #expect(sequences(recent, [a, b], after: 2) == Array(3...12))
    }

    @Test func `a message over the bound leaves at once`() throws {
        var recent = RecentMessages(maximumBytes: 1)
        let group = try name("a")
        recent.follow(group, from: 0)
        recent.add(message(7), in: group)
        #expect(recent.bytes == 0)
        #expect(recent.floor(of: [group]) == 7)
    }

    @Test func `what is not followed has no floor and keeps nothing`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let (a, b) = (try name("a"), try name("b"))
        recent.follow(a, from: 3)
        recent.add(message(4), in: b)
        recent.add(Message(text: "not stored"), in: a)
        #expect(recent.bytes == 0)
        #expect(recent.floor(of: [a, b]) == .max)
        recent.forget(b)
        recent.forget(a)
        #expect(recent.floor(of: [a]) == .max)
    }

    @Test func `a group that is followed again begins anew`() throws {
        var recent = RecentMessages(maximumBytes: 5 * 400)
        let group = try name("a")
        recent.follow(group, from: 0)
        for sequence in Int64(1)...3 { recent.add(message(sequence), in: group) }
        recent.forget(group)
        #expect(recent.bytes == 0)
        recent.follow(group, from: 10)
        // Left over in the inbox from before; it lies below the floor.
        recent.add(message(4), in: group)
        for sequence in Int64(11)...20 { recent.add(message(sequence), in: group) }
        let floor = recent.floor(of: [group])
        #expect(floor == 15)
        #expect(sequences(recent, [group], after: floor) == Array(16...20))
    }

    @Test func `after a skip nothing before it is there, and later floors stay`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let (old, new) = (try name("old"), try name("new"))
        recent.follow(old, from: 0)
        recent.add(message(5), in: old)
        // Joined at 60, while the inbox had dropped what came up to 50.
        recent.follow(new, from: 60)
        recent.skip(through: 50)
        #expect(recent.bytes == 0)
        #expect(recent.floor(of: [old]) == 50)
        #expect(recent.floor(of: [new]) == 60)
    }

    @Test func `groups that come and go leave nothing behind`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let stays = try name("stays")
        recent.follow(stays, from: 0)
        var sequence: Int64 = 0
        for round in 0..<2000 {
            let group = try name("g\(round % 7)")
            recent.follow(group, from: sequence)
            for _ in 0..<5 {
                sequence += 1
                recent.add(message(sequence), in: group)
            }
            recent.forget(group)
            #expect(recent.bytes == 0)
        }
        #expect(try Self.order(of: recent) < 2500)
    }

    /// How many entries wait for eviction.
    private static func order(of recent: RecentMessages) throws -> Int {
        let order = Mirror(reflecting: recent).children.first { $0.label == "order" }?.value as? any Collection
        return try #require(order).count
    }

    @Test func `what retention removes leaves nothing behind while a group is followed for ever`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let group = try name("a")
        recent.follow(group, from: 0)
        for sequence in Int64(1)...50_000 {
            recent.add(message(sequence), in: group)
            if sequence % 10 == 0 { recent.remove([.messages(through: sequence - 5, in: group)]) }
        }
        #expect(recent.bytes == 5 * 400)
        #expect(sequences(recent, [group], after: 49_995) == Array(49_996...50_000))
        #expect(try Self.order(of: recent) < 2500)
        #expect(recent.evictions == 0)
    }

    @Test func `messages that are deleted one by one leave nothing behind, also where an old one stays`() throws {
        var recent = RecentMessages(maximumBytes: 10 * 400)
        let (a, b) = (try name("a"), try name("b"))
        recent.follow(a, from: 0)
        recent.follow(b, from: 0)
        recent.add(message(1), in: a)
        for sequence in Int64(2)...20_000 {
            recent.add(message(sequence), in: a)
            recent.remove([.message(sequence, in: a)])
        }
        #expect(recent.bytes == 400)
        #expect(try Self.order(of: recent) < 2500)
        // The order of eviction is still that in which they came.
        for sequence in Int64(20_001)...20_010 { recent.add(message(sequence), in: b) }
        #expect(recent.floor(of: [a]) == 1)
        #expect(recent.floor(of: [b]) == 0)
        recent.add(message(20_011), in: a)
        #expect(recent.floor(of: [b]) == 20_001)
        #expect(sequences(recent, [a, b], after: 20_001) == Array(20_002...20_011))
    }

    @Test func `many messages are deleted at once`() throws {
        var recent = RecentMessages(maximumBytes: 1 << 20)
        let (a, b) = (try name("a"), try name("b"))
        recent.follow(a, from: 0)
        recent.follow(b, from: 0)
        for sequence in Int64(1)...1000 { recent.add(message(sequence), in: sequence % 2 == 0 ? a : b) }
        let gone = (Int64(1)...990).filter { $0 % 3 == 0 }
        recent.remove(gone.map { .message($0, in: $0 % 2 == 0 ? a : b) } + [.message(2, in: b), .message(5000, in: a)])
        let left = (Int64(1)...1000).filter { !gone.contains($0) }
        #expect(sequences(recent, [a, b], after: 0) == left)
        #expect(recent.bytes == left.count * 400)
    }
}
