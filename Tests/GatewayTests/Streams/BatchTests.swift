import Broker
import NIOCore
import Testing

@testable import Gateway

struct BatchTests {
    private let epoch = Epoch.random()
    private let style = StreamStyle(format: .plain, framing: .chunked)

    private func message(_ sequence: Int64?, bytes: Int = 10) -> Message {
        Message(
            id: sequence.map { MessageID(epoch: epoch, sequence: $0) },
            data: ByteBuffer(repeating: 120, count: bytes)
        )
    }

    private func bytes(_ batches: [Batch]) -> [UInt8] { batches.flatMap { Array($0.buffer.readableBytesView) } }

    @Test func `small messages share a buffer`() {
        let messages = (Int64(1)...50).map { message($0) }
        let batches = Batch.make(of: messages, style: style)
        #expect(batches.count == 1)
        #expect(batches.first?.last == 50)
        #expect(batches.first?.messages == 50)
        #expect(bytes(batches) == messages.flatMap { Array(style.encode($0).readableBytesView) })
    }

    @Test func `buffers end near their bound and never within a message`() {
        let messages = (Int64(1)...40).map { message($0, bytes: 20_000) }
        let batches = Batch.make(of: messages, style: style)
        #expect(batches.allSatisfy { $0.buffer.readableBytes <= Batch.targetBytes })
        #expect(batches.count == 7)
        #expect(batches.map(\.messages).reduce(0, +) == 40)
        #expect(batches.last?.last == 40)
        #expect(bytes(batches) == messages.flatMap { Array(style.encode($0).readableBytesView) })
        for batch in batches { #expect(Array(batch.buffer.readableBytesView.suffix(4)) == [10, 10, 13, 10]) }
    }

    @Test func `a message over the bound has a buffer of its own`() {
        let batches = Batch.make(
            of: [message(1), message(2, bytes: Batch.targetBytes + 1), message(3)],
            style: style
        )
        #expect(batches.map(\.messages) == [1, 1, 1])
        #expect(batches.map(\.last) == [1, 2, 3])
    }

    @Test func `messages that are not stored are counted and move nothing`() {
        let batches = Batch.make(of: [message(4), message(nil), message(nil)], style: style)
        #expect(batches.map(\.last) == [4])
        #expect(batches.map(\.unstored) == [2])
        #expect(Batch.make(of: [message(nil)], style: style).map(\.last) == [nil])
        #expect(Batch.make(of: [], style: style).isEmpty)
    }

    @Test func `references hold one message each`() {
        let messages = [message(1), message(nil), message(3)]
        let batches = Batch.references(to: messages, style: style)
        #expect(batches.map(\.last) == [1, nil, 3])
        #expect(batches.map(\.unstored) == [0, 1, 0])
        #expect(bytes(batches) == bytes(Batch.make(of: messages, style: style)))
    }
}

/// Where pages of the store end.
struct PageBoundaryTests {
    private let epoch = Epoch.random()

    private func boundary(_ sequences: [Int64], after: Int64) -> Int64 {
        PageReads.boundary(of: sequences.map { Message(id: MessageID(epoch: epoch, sequence: $0)) }, after: after)
    }

    @Test func `a boundary lies in the second half of what was read`() {
        var random = StreamRandom(seed: 1)
        for _ in 0..<5000 {
            let after = Int64.random(in: 0...1_000_000, using: &random)
            var sequence = after
            let sequences = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                sequence += Int64.random(in: 1...50, using: &random)
                return sequence
            }
            let end = boundary(sequences, after: after)
            #expect(end > after)
            #expect(end <= sequence)
            // At least half is kept.
            #expect(sequences.filter { $0 <= end }.count >= (sequences.count + 1) / 2)
        }
    }

    @Test func `the roundest number of that half is taken`() {
        #expect(boundary(Array(1...10), after: 0) == 8)
        #expect(boundary(Array(1001...2000), after: 1000) == 1536)
        #expect(boundary([7], after: 0) == 7)
        #expect(boundary([7, 9], after: 0) == 9)
        #expect(boundary([Int64.max - 2, Int64.max - 1, Int64.max], after: 0) == Int64.max)
        #expect(boundary([], after: 3) == 3)
    }

    @Test func `readers who begin at different places come to share their pages`() {
        var random = StreamRandom(seed: 2)
        let end: Int64 = 30_000
        var starts: Set<Int64> = []
        var reads: Set<Int64> = []
        for _ in 0..<40 {
            var position = Int64.random(in: 0..<2000, using: &random)
            var pages = 0
            while position < end {
                if pages >= 3 { reads.insert(position) } else { starts.insert(position) }
                pages += 1
                let sequences = Array((position + 1)...min(position + 1000, end))
                position = sequences.last == end ? end : boundary(sequences, after: position)
            }
        }
        #expect(starts.count > 40)
        // 40 readers, and from the fourth page on hardly more reads than one of them makes alone.
        #expect(reads.count < 80)
    }
}
