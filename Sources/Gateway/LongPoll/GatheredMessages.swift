import NIOCore

/// The messages of one answer: the first that come, up to a limit.
struct GatheredMessages {
    /// Data of so many bytes, or one message.
    static let maximumBytes = 1 << 20

    let limit: Int
    /// JSON objects with commas between.
    private var elements = ByteBuffer()
    private(set) var count = 0
    /// The sequence of the last one.
    private(set) var last: Int64 = 0
    /// Whether one has come that has no room.
    private(set) var hasMore = false

    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { count == 0 }

    /// Takes the stored messages of a batch of ``EventFormat/lines`` without framing.
    mutating func take(_ batch: Batch) {
        var start = batch.buffer.readerIndex
        for message in batch.ends {
            let end = batch.buffer.readerIndex + message.end
            defer { start = end }
            guard let sequence = message.sequence else { continue }
            guard count < limit, count == 0 || elements.readableBytes < Self.maximumBytes else {
                hasMore = true
                return
            }
            // Without the line's end.
            guard var element = batch.buffer.getSlice(at: start, length: end - start - 1) else { continue }
            if count > 0 { elements.writeInteger(UInt8(ascii: ",")) }
            elements.writeBuffer(&element)
            (count, last) = (count + 1, sequence)
        }
    }

    /// The body of the answer.
    func body(hasMore: Bool, position: String, reset: StreamPreamble.Reset?) -> ByteBuffer {
        var body = ByteBuffer()
        body.reserveCapacity(elements.readableBytes + 200)
        body.writeString("{\"messages\":[")
        body.writeImmutableBuffer(elements)
        body.writeString("],\"has_more\":\(hasMore),\"position\":\"\(position)\"")
        if let reset {
            body.writeString(",\"reset\":")
            reset.write(into: &body)
        }
        body.writeString("}\n")
        return body
    }
}
