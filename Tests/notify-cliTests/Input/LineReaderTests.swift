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

    @Test func `text that is none`() {
        #expect(throws: UnusableInput.self) { try StandardInput.text([0xFF]) }
    }
}
