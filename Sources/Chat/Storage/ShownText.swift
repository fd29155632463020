import Foundation
import GRDB
import NIOCore

/// What the admin sees of a message's data, as functions of SQL. SQLite's own functions of text end at a NUL, which is a
/// character of a message like any other: readers see what comes after it, so the admin must.
enum ShownText {
    /// `shown_text(data, isChat, bytes)`: the text, cut to about so many bytes, as a BLOB.
    private static let text = DatabaseFunction("shown_text", argumentCount: 3, pure: true) { values in
        guard let data = Data.fromDatabaseValue(values[0]), let isChat = Bool.fromDatabaseValue(values[1]),
            let limit = Int.fromDatabaseValue(values[2])
        else { return nil }
        return shown(data, isChat: isChat).prefix(limit)
    }

    /// `shown_text_holds(data, isChat, text)`: whether the text holds another, where `a` to `z` are as `A` to `Z`.
    private static let holds = DatabaseFunction("shown_text_holds", argumentCount: 3, pure: true) { values in
        guard let data = Data.fromDatabaseValue(values[0]), let isChat = Bool.fromDatabaseValue(values[1]),
            let searched = Data.fromDatabaseValue(values[2])
        else { return false }
        let needle = searched.map(lowercased)
        // A chat's text lies in JSON as it is, but for what JSON escapes: most messages need not be decoded.
        let isPlain = !needle.contains { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
        if isChat, isPlain, !contains(data, needle) { return false }
        return contains(shown(data, isChat: isChat), needle)
    }

    static func add(to db: Database) {
        db.add(function: text)
        db.add(function: holds)
    }

    private static func shown(_ data: Data, isChat: Bool) -> Data {
        guard isChat, let text = StoredText(ByteBuffer(bytes: data)) else { return data }
        return Data(text.content.utf8)
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    private static func contains(_ data: Data, _ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        return data.withUnsafeBytes { bytes in
            guard bytes.count >= needle.count else { return false }
            for start in 0...(bytes.count - needle.count) where lowercased(bytes[start]) == first {
                var length = 1
                while length < needle.count, lowercased(bytes[start + length]) == needle[length] { length += 1 }
                if length == needle.count { return true }
            }
            return false
        }
    }
}
