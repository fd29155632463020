import Broker
import NIOCore

/// Encoded messages in one immutable buffer, for as many connections as follow the same.
struct Batch {
    /// Where a message ends in the buffer.
    struct End {
        /// Nil for one that is not stored.
        let sequence: Int64?
        let end: Int
    }

    let buffer: ByteBuffer
    /// One for each message, in order.
    let ends: [End]
    /// The id of the last stored message in it; nil if none is stored.
    let last: Int64?
    /// How many of its messages are not stored.
    let unstored: Int

    /// How many messages it holds.
    var messages: Int { ends.count }
    /// Its memory, in bytes.
    var size: Int { buffer.readableBytes + ends.count * MemoryLayout<End>.stride }

    /// A buffer grows to about this many bytes: enough that one `write` is worth it, few enough for a slow socket.
    static let targetBytes = 128 << 10

    /// Encodes messages into as few buffers of about ``targetBytes`` as that takes. A single message is not copied.
    static func make(of messages: [Message], style: StreamStyle) -> [Batch] {
        var batches: [Batch] = []
        var gathered: [ByteBuffer] = []
        var ends: [End] = []
        var bytes = 0
        func finish() {
            guard let first = gathered.first else { return }
            var buffer = first
            if gathered.count > 1 {
                buffer = ByteBuffer()
                buffer.reserveCapacity(bytes)
                for part in gathered { buffer.writeImmutableBuffer(part) }
            }
            batches.append(Batch(buffer: buffer, ends: ends))
            gathered.removeAll(keepingCapacity: true)
            ends = []
            bytes = 0
        }
        for message in messages {
            let encoded = style.encode(message)
            if bytes + encoded.readableBytes > targetBytes { finish() }
            gathered.append(encoded)
            bytes += encoded.readableBytes
            ends.append(End(sequence: message.id?.sequence, end: bytes))
        }
        finish()
        return batches
    }

    private init(buffer: ByteBuffer, ends: [End]) {
        (self.buffer, self.ends) = (buffer, ends)
        last = ends.last { $0.sequence != nil }?.sequence
        unstored = ends.reduce(0) { $0 + ($1.sequence == nil ? 1 : 0) }
    }

    /// Each message as a reference to its encoding: for few readers of many groups, where a joined copy would be made
    /// for every one of them.
    static func references(to messages: [Message], style: StreamStyle) -> [Batch] {
        messages.map { message in
            let buffer = style.encode(message)
            return Batch(buffer: buffer, ends: [End(sequence: message.id?.sequence, end: buffer.readableBytes)])
        }
    }

    /// Its messages after a position, whose bytes are shared; nil if there are none. For batches of stored messages only.
    func suffix(after position: Int64) -> Batch? {
        guard let last, last > position else { return nil }
        var (low, high) = (ends.startIndex, ends.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if (ends[middle].sequence ?? .max) <= position { low = middle + 1 } else { high = middle }
        }
        guard low > ends.startIndex else { return self }
        let start = ends[low - 1].end
        let length = buffer.readableBytes - start
        guard let rest = buffer.getSlice(at: buffer.readerIndex + start, length: length) else { return nil }
        return Batch(buffer: rest, ends: ends[low...].map { End(sequence: $0.sequence, end: $0.end - start) })
    }
}
