import Broker
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct ShardInboxTests {
    private let epoch = Epoch.random()

    private func message(_ sequence: Int64?, bytes: Int = 100) -> Message {
        Message(
            id: sequence.map { MessageID(epoch: epoch, sequence: $0) },
            data: ByteBuffer(repeating: 120, count: bytes)
        )
    }

    private func describe(_ contents: ShardInbox.Contents) -> [String] {
        contents.entries.map { entry in
            switch entry {
            case .message(let message, _): message.id.map { "\($0.sequence)" } ?? "unstored"
            case .mark(let stream, let position): "mark of \(stream) at \(position)"
            case .removals(let removals): "\(removals.count) removed"
            case .layerClosed: "closed"
            }
        }
    }

    @Test func `messages and marks keep their order`() throws {
        let inbox = ShardInbox(maximumBytes: 10_000, eventLoop: EmbeddedEventLoop())
        let group = try GroupName("g")
        inbox.receive(message(1), in: group)
        inbox.mark(stream: 7, position: 1)
        inbox.receive(message(2), in: group)
        #expect(inbox.bytes == 600)
        let contents = inbox.takeAll()
        #expect(describe(contents) == ["1", "mark of 7 at 1", "2"])
        #expect(contents.skippedThrough == nil)
        #expect(inbox.bytes == 0)
        #expect(inbox.takeAll().entries.isEmpty)
    }

    @Test func `over the bound the messages go, and how far they went stays`() throws {
        let inbox = ShardInbox(maximumBytes: 1000, eventLoop: EmbeddedEventLoop())
        let group = try GroupName("g")
        for sequence in Int64(1)...3 { inbox.receive(message(sequence), in: group) }
        inbox.mark(stream: 1, position: 3)
        inbox.receive(message(nil, bytes: 50), in: group)
        inbox.receive(message(4), in: group)
        inbox.receive(message(5), in: group)
        #expect(inbox.bytes == 850)
        let contents = inbox.takeAll()
        #expect(describe(contents) == ["mark of 1 at 3", "unstored", "4", "5"])
        #expect(contents.skippedThrough == 3)
        #expect(contents.droppedUnstored == 0)
    }

    @Test func `what was not stored and is dropped is counted`() throws {
        let inbox = ShardInbox(maximumBytes: 500, eventLoop: EmbeddedEventLoop())
        let group = try GroupName("g")
        inbox.receive(message(nil), in: group)
        inbox.receive(message(nil), in: group)
        inbox.receive(message(9), in: group)
        let contents = inbox.takeAll()
        #expect(contents.droppedUnstored == 2)
        #expect(contents.skippedThrough == nil)
        #expect(describe(contents) == ["9"])
    }

    @Test func `a single message may be larger than the bound`() throws {
        let inbox = ShardInbox(maximumBytes: 10, eventLoop: EmbeddedEventLoop())
        let group = try GroupName("g")
        inbox.receive(message(1), in: group)
        #expect(describe(inbox.takeAll()) == ["1"])
        inbox.receive(message(2), in: group)
        inbox.receive(message(3), in: group)
        let contents = inbox.takeAll()
        #expect(describe(contents) == ["3"])
        #expect(contents.skippedThrough == 2)
    }

    @Test func `the loop is woken once, however much comes`() throws {
        let loop = EmbeddedEventLoop()
        let inbox = ShardInbox(maximumBytes: 10_000, eventLoop: loop)
        let group = try GroupName("g")
        let woken = NIOLoopBoundBox(0, eventLoop: loop)
        inbox.start { woken.value += 1 }
        inbox.deliveriesDidEnd()
        loop.run()
        #expect(woken.value == 0)
        for sequence in Int64(1)...3 {
            inbox.receive(message(sequence), in: group)
            inbox.deliveriesDidEnd()
        }
        loop.run()
        #expect(woken.value == 1)
        #expect(inbox.takeAll().entries.count == 3)
        inbox.deliveriesDidEnd()
        loop.run()
        #expect(woken.value == 1)
        inbox.receive(message(4), in: group)
        inbox.deliveriesDidEnd()
        loop.run()
        #expect(woken.value == 2)
    }
}
