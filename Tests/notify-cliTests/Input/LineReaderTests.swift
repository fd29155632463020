import Foundation
import Testing

@testable import notify_cli

struct LineReaderTests {
    private static func reader(of text: String) throws -> (LineReader, Pipe) {
        let pipe = Pipe()
        try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe.fileHandleForWriting.close()
        return (LineReader(descriptor: pipe.fileHandleForReading.fileDescriptor), pipe)
    }

    @Test(
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\n\nb", ["a", "", "b"]), ("\n", [""]),
            ("a\r\nb\r\n", ["a\r", "b\r"]),
        ] as [(String, [String])]
    )
    func lines(text: String, lines: [String]) throws {
        var (reader, pipe) = try Self.reader(of: text)
        defer { withExtendedLifetime(pipe) {} }
        var seen: [String] = []
        while let line = try reader.next() { seen.append(String(decoding: line, as: UTF8.self)) }
        #expect(seen == lines)
        #expect(try reader.next() == nil)
    }

    @Test func `all of it, and what a line left over`() throws {
        var (reader, pipe) = try Self.reader(of: "a\nb\nc")
        defer { withExtendedLifetime(pipe) {} }
        #expect(try reader.next() == Array("a".utf8))
        #expect(try reader.rest() == Array("b\nc".utf8))
    }

    @Test func `a batch takes what is there, within its bounds`() throws {
        var (reader, pipe) = try Self.reader(of: "a\nbb\n\nccc\ndddd\neeeee")
        defer { withExtendedLifetime(pipe) {} }
        var batches: [[String]] = []
        while case let batch = try reader.batch(maximumLines: 3, maximumBytes: 4), !batch.isEmpty {
            batches.append(batch.map { String(decoding: $0, as: UTF8.self) })
        }
        #expect(batches == [["a", "bb", ""], ["ccc"], ["dddd"], ["eeeee"]])
    }

    @Test func `a batch waits for its first line only`() throws {
        let pipe = Pipe()
        var reader = LineReader(descriptor: pipe.fileHandleForReading.fileDescriptor)
        let batch = { (reader: inout LineReader) in
            try reader.batch(maximumLines: 9, maximumBytes: 99).map { String(decoding: $0, as: UTF8.self) }
        }
        try pipe.fileHandleForWriting.write(contentsOf: Data("a\nb\nc".utf8))
        #expect(try batch(&reader) == ["a", "b"])
        try pipe.fileHandleForWriting.write(contentsOf: Data("c\n".utf8))
        #expect(try batch(&reader) == ["cc"])
        try pipe.fileHandleForWriting.write(contentsOf: Data("d\ne".utf8))
        try pipe.fileHandleForWriting.close()
        #expect(try batch(&reader) == ["d", "e"])
        #expect(try batch(&reader) == [])
    }

    @Test func `a line that is longer than a batch's rest stays whole`() throws {
        let long = String(repeating: "x", count: 300_000)
        let file = FileManager.default.temporaryDirectory.appending(path: "notify-\(UUID().uuidString).txt")
        try Data("a\n\(long)\n\(long)".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forReadingFrom: file)
        defer { withExtendedLifetime(handle) {} }
        var reader = LineReader(descriptor: handle.fileDescriptor)
        var sizes: [[Int]] = []
        while case let batch = try reader.batch(maximumLines: 9, maximumBytes: 100_000), !batch.isEmpty {
            sizes.append(batch.map(\.count))
        }
        #expect(sizes == [[1], [300_000], [300_000]])
    }

    @Test func `text that is none`() {
        #expect(throws: UnusableInput.self) { try StandardInput.text([0xFF]) }
    }
}
