import Foundation
import NIOCore
import NIOFoundationCompat

/// The data of a chat message as the log holds it: `{"author":12,"author__name":"Ariel","content":"…"}`, the name being the
/// one it was written under.
struct StoredText: Codable {
    var author: Int64
    var author__name: String
    var content: String

    private static let prefix = Array(#"{"author":"#.utf8)

    /// The keys in their alphabetical order, which is also that of ``rest(of:)``.
    var data: ByteBuffer {
        get throws { ByteBuffer(data: try Self.encode(self)) }
    }

    static func encode(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    init(author: Int64, name: String, content: String) {
        (self.author, author__name, self.content) = (author, name, content)
    }

    init?(_ data: ByteBuffer) {
        guard let text = try? JSONDecoder().decode(StoredText.self, from: data) else { return nil }
        self = text
    }

    /// The author, and what follows: `"author__name":"Ariel","content":"…"}`; nil for what is no such data.
    static func rest(of data: ByteBuffer) -> (author: Int64, rest: ByteBufferView)? {
        let bytes = data.readableBytesView
        guard bytes.starts(with: prefix) else { return nil }
        let tail = bytes.dropFirst(prefix.count)
        guard let comma = tail.firstIndex(of: UInt8(ascii: ",")),
            let author = Int64(String(decoding: tail[..<comma], as: UTF8.self))
        else { return nil }
        return (author, tail[(comma + 1)...])
    }
}
