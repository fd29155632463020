/// Takes an HTTP/1.1 response with a chunked body, or one that ends with the connection, apart. Strict: what a lenient
/// reader would pass over is an error here.
struct StreamBody: Sendable {
    struct Malformed: Error {
        let what: String
    }

    private enum State {
        case head, size, chunk(left: Int), chunkEnd(isLast: Bool), plain, ended
    }

    private(set) var head = ""
    /// The size of each chunk.
    private(set) var chunks: [Int] = []
    private var state = State.head
    private var pending: [UInt8] = []

    var isEnded: Bool { if case .ended = state { true } else { false } }
    var status: Int? { head.split(separator: " ").dropFirst().first.flatMap { Int($0) } }

    /// The bytes of the body that came with these.
    mutating func feed(_ bytes: [UInt8]) throws(Malformed) -> [UInt8] {
        var body: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            switch state {
            case .head:
                pending.append(rest.removeFirst())
                guard pending.suffix(4) == [13, 10, 13, 10] else { continue }
                head = String(decoding: pending, as: UTF8.self)
                pending = []
                state = head.lowercased().contains("transfer-encoding: chunked") ? .size : .plain
            case .size:
                pending.append(rest.removeFirst())
                guard pending.suffix(2) == [13, 10] else { continue }
                let text = String(decoding: pending.dropLast(2), as: UTF8.self)
                guard let size = Int(text, radix: 16) else { throw Malformed(what: "chunk size '\(text)'") }
                pending = []
                if size > 0 { chunks.append(size) }
                state = size == 0 ? .chunkEnd(isLast: true) : .chunk(left: size)
            case .chunk(let left):
                let part = rest.prefix(left)
                body.append(contentsOf: part)
                rest = rest.dropFirst(part.count)
                state = part.count == left ? .chunkEnd(isLast: false) : .chunk(left: left - part.count)
            case .chunkEnd(let isLast):
                pending.append(rest.removeFirst())
                guard pending.count == 2 else { continue }
                guard pending == [13, 10] else { throw Malformed(what: "end of chunk \(pending)") }
                pending = []
                state = isLast ? .ended : .size
            case .plain:
                body.append(contentsOf: rest)
                rest = []
            case .ended:
                throw Malformed(what: "\(rest.count) bytes after the end of the body")
            }
        }
        return body
    }
}
