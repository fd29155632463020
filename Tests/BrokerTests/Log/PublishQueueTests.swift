import NIOCore
import Testing

@testable import Broker

/// The state machine alone; replies are numbers.
struct PublishQueueTests {
    private typealias Queue = PublishQueue<Int>

    private static func texts(_ batch: AppendBatch?) -> [String]? {
        batch?.drafts.map { String(buffer: $0.data) }
    }

    private static func drafts(_ count: Int, of text: String = "x") throws -> [MessageDraft] {
        try (0..<count).map { _ in try MessageDraft.test(text) }
    }

    @Test func `the first starts the writer, those that come meanwhile wait and go together`() throws {
        var queue = Queue(maximumBytes: 1 << 20)
        #expect(queue.isIdle)
        #expect(try queue.add(.test("a"), reply: 1) == .startWriter)
        #expect(!queue.isIdle)
        #expect(Self.texts(queue.takeBatch()) == ["a"])
        #expect(try queue.add(.test("b"), reply: 2) == .wait)
        #expect(try queue.add(.test("c"), reply: 3) == .wait)
        #expect(queue.depth == 2)
        #expect(queue.finishBatch().map(\.reply) == [1])
        #expect(Self.texts(queue.takeBatch()) == ["b", "c"])
        #expect(queue.depth == 0)
        #expect(queue.finishBatch().map(\.reply) == [2, 3])
        #expect(Self.texts(queue.takeBatch()) == nil)
        #expect(queue.isIdle)
        #expect(try queue.add(.test("d"), reply: 4) == .startWriter)
    }

    @Test func `a batch ends at so many messages`() throws {
        var queue = Queue(maximumBytes: 1 << 20)
        for number in 0...Queue.batchMessages { _ = try queue.add(.test("\(number)"), reply: number) }
        #expect(queue.takeBatch()?.drafts.count == Queue.batchMessages)
        #expect(queue.depth == 1)
        #expect(queue.finishBatch().map(\.reply) == Array(0..<Queue.batchMessages))
        #expect(Self.texts(queue.takeBatch()) == ["\(Queue.batchMessages)"])
    }

    @Test func `a batch ends at so many bytes, and takes one message of any size`() throws {
        var queue = Queue(maximumBytes: .max)
        let half = String(repeating: "x", count: Queue.batchBytes / 2)
        for text in [half, half, "small", half + half + "x", "small"] { _ = try queue.add(.test(text), reply: 0) }
        #expect(queue.takeBatch()?.drafts.count == 2)
        #expect(queue.takeBatch()?.drafts.count == 1)
        #expect(queue.takeBatch()?.drafts.count == 1)
        #expect(queue.takeBatch()?.drafts.count == 1)
        #expect(queue.takeBatch() == nil)
    }

    @Test func `what was added together is in one batch, and has one reply`() throws {
        var queue = Queue(maximumBytes: 1 << 20)
        _ = try queue.add(.test("a"), reply: 1)
        _ = try queue.add(together: [.test("b"), .test("c")], reply: 2)
        _ = try queue.add(together: [.test("d")], reply: 3)
        let batch = queue.takeBatch()
        #expect(Self.texts(batch) == ["a", "b", "c", "d"])
        // One alone needs no savepoint.
        #expect(batch?.units == [1..<3])
        let publishes = queue.finishBatch()
        #expect(publishes.map(\.reply) == [1, 2, nil, 3])
        #expect(publishes.map(\.count) == [1, 2, 0, 1])
    }

    @Test func `what was added together is never divided, however much it is`() throws {
        var queue = Queue(maximumBytes: 1 << 20)
        _ = try queue.add(.test("before"), reply: 1)
        _ = try queue.add(together: Self.drafts(Queue.batchMessages + 1), reply: 2)
        _ = try queue.add(.test("after"), reply: 3)
        #expect(Self.texts(queue.takeBatch()) == ["before"])
        #expect(queue.finishBatch().map(\.reply) == [1])
        let batch = queue.takeBatch()
        #expect(batch?.drafts.count == Queue.batchMessages + 1)
        #expect(batch?.units == [0..<(Queue.batchMessages + 1)])
        #expect(queue.finishBatch().compactMap(\.reply) == [2])
        #expect(Self.texts(queue.takeBatch()) == ["after"])
    }

    @Test func `what waits is bounded, until it is committed`() throws {
        var queue = Queue(maximumBytes: 1000)
        // One that is larger by itself is taken while nothing waits.
        _ = try queue.add(.test(String(repeating: "x", count: 2000)), reply: 1)
        let alone = queue.bytes
        for isCommitting in [false, true] {
            // A commit that is under way still holds its data.
            if isCommitting { #expect(queue.takeBatch()?.drafts.count == 1) }
            let error = #expect(throws: BrokerError.self) { try queue.add(.test("b"), reply: 2) }
            #expect(error?.code == .overloaded)
            let together = #expect(throws: BrokerError.self) { try queue.add(together: Self.drafts(2), reply: 3) }
            #expect(together?.code == .overloaded)
            #expect(queue.bytes == alone)
        }
        #expect(queue.finishBatch().map(\.reply) == [1])
        #expect(queue.bytes == 0)
        #expect(try queue.add(.test("c"), reply: 4) == .wait)
    }

    @Test func `after a close nothing is taken, and what waits is committed`() throws {
        var queue = Queue(maximumBytes: 1 << 20)
        _ = try queue.add(.test("a"), reply: 1)
        queue.close()
        let error = #expect(throws: BrokerError.self) { try queue.add(.test("b"), reply: 2) }
        #expect(error?.code == .closed)
        #expect(Self.texts(queue.takeBatch()) == ["a"])
        #expect(queue.finishBatch().map(\.reply) == [1])
        #expect(queue.bytes == 0)
        #expect(Self.texts(queue.takeBatch()) == nil)
    }

    private final class Token: Sendable {}

    /// Publishers that never stop: the queue is never seen empty.
    @Test func `what a batch took is let go, also while others always wait`() throws {
        var queue = PublishQueue<Token>(maximumBytes: .max)
        weak var given: Token?
        do {
            let token = Token()
            given = token
            _ = try queue.add(.test("first"), reply: token)
        }
        for _ in 0..<(3 * Queue.batchMessages) { _ = try queue.add(.test("more"), reply: Token()) }
        #expect(queue.takeBatch() != nil)
        #expect(given != nil)
        #expect(queue.finishBatch().count == Queue.batchMessages)
        #expect(queue.depth > 0)
        #expect(given == nil)
    }

    @Test func `batches and their units are right while the queue is never empty`() throws {
        var queue = Queue(maximumBytes: .max)
        _ = try queue.add(.test("0"), reply: 0)
        for number in 1...50 {
            _ = try queue.add(together: [.test("\(number)a"), .test("\(number)b")], reply: number)
            let batch = queue.takeBatch()
            _ = try queue.add(.test("\(number)"), reply: number)
            #expect(queue.depth == 1)
            #expect(Self.texts(batch) == ["\(number - 1)", "\(number)a", "\(number)b"])
            #expect(batch?.units == [1..<3])
            #expect(queue.finishBatch().map(\.reply) == [number - 1, number, nil])
        }
    }
}
