import Broker
import NIOCore

/// Encoded messages in one immutable buffer, for as many connections as follow the same.
struct Batch {
    let buffer: ByteBuffer
    /// The id of the last stored message in it; nil if none is stored.
    let last: Int64?
    /// How many messages it holds, and how many of them are not stored.
    let messages: Int
    let unstored: Int

    /// A buffer grows to about this many bytes: enough that one `write` is worth it, few enough for a slow socket.
    static let targetBytes = 128 << 10

    /// Encodes messages into as few buffers of about ``targetBytes`` as that takes. A single message is not copied.
    static func make(of messages: [Message], style: StreamStyle) -> [Batch] {
        var batches: [Batch] = []
        var gathered: [ByteBuffer] = []
        var (bytes, last, unstored) = (0, Int64?.none, 0)
        func finish() {
            guard let first = gathered.first else { return }
            var buffer = first
            if gathered.count > 1 {
                buffer = ByteBuffer()
                buffer.reserveCapacity(bytes)
                for part in gathered { buffer.writeImmutableBuffer(part) }
            }
            batches.append(Batch(buffer: buffer, last: last, messages: gathered.count, unstored: unstored))
            gathered.removeAll(keepingCapacity: true)
            (bytes, last, unstored) = (0, nil, 0)
        }
        for message in messages {
            let encoded = style.encode(message)
            if bytes + encoded.readableBytes > targetBytes { finish() }
            gathered.append(encoded)
            bytes += encoded.readableBytes
            if let id = message.id { last = id.sequence } else { unstored += 1 }
        }
        finish()
        return batches
    }

    /// Each message as a reference to its encoding: for few readers of many groups, where a joined copy would be made
    /// for every one of them.
    static func references(to messages: [Message], style: StreamStyle) -> [Batch] {
        messages.map { message in
            Batch(
                buffer: style.encode(message),
                last: message.id?.sequence,
                messages: 1,
                unstored: message.id == nil ? 1 : 0
            )
        }
    }
}
