import NIOCore
import Testing

@testable import Gateway

struct JSONScannerTests {
    /// The value without white space; nil where it is refused.
    private func compact(_ text: String) -> String? {
        var scanner = JSONScanner(ByteBuffer(string: text).readableBytesView)
        do throws(JSONScanner.Failure) {
            let value = try scanner.compactValue()
            try scanner.end()
            return String(buffer: value)
        } catch {
            return nil
        }
    }

    @Test(
        arguments: [
            (" [ 1 , 2 ] ", "[1,2]"), ("{ }", "{}"), ("[ ]", "[]"), ("[[ ], { } ]", "[[],{}]"),
            ("\t\r\n null\n", "null"),
            ("{\"a\" : { \"b\" : [ ] } , \"c\" : \" \" }", "{\"a\":{\"b\":[]},\"c\":\" \"}"), ("-0.0e-00", "-0.0e-00"),
            ("1E+2", "1E+2"), ("\"\\ud834\\udd1e\"", "\"\\ud834\\udd1e\""),
            ("\"\u{2028}\u{7F}\"", "\"\u{2028}\u{7F}\""),
        ]
    )
    func `keeps all but the white space between tokens`(text: String, compacted: String) {
        #expect(compact(text) == compacted)
    }

    @Test(
        arguments: [
            "", " ", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}",
            "{a:1}",
            "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1}", "{\"a\":1]", "\"", "\"\\", "\"\\u12", "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\t\"", "\"\u{0}\"", "tru", "True", "nul", "nullx",
            "+1", "-", ".5",
            "1.", "1.e1", "1e", "1e+", "0x1", "00", "-01", "1 1", "Infinity", "'a'", "[1]//", "\u{A0}1", "\u{FEFF}1",
            "\"\\U0041\"",
        ]
    )
    func `refuses what is not JSON`(text: String) {
        #expect(compact(text) == nil)
    }

    @Test func `nesting has a bound`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(compact(nested(512)) == nested(512))
        #expect(compact(nested(513)) == nil)
        // Empty containers count as well: what they hold would have been one deeper.
        let objects = String(repeating: "{\"a\":", count: 511) + "{}" + String(repeating: "}", count: 511)
        #expect(compact(objects) == objects)
    }

    @Test(
        arguments: [
            (#""\u0041\n\t\r\b\f\"\\\/""#, "A\n\t\r\u{8}\u{C}\"\\/"), (#""\ud83d\ude00""#, "😀"),
            (#""\uD83D\uDE00\uFFFF""#, "😀\u{FFFF}"),
            (#""\udbff\udfff""#, "\u{10FFFF}"), ("\"grün\"", "grün"), ("\"\"", ""),
        ]
    )
    func `resolves the escapes of a string`(text: String, value: String) throws {
        var scanner = JSONScanner(ByteBuffer(string: text).readableBytesView)
        #expect(try scanner.string() == value)
        try scanner.end()
    }

    @Test func `strings that are not UTF-8 are refused`() {
        for bytes in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]] {
            var scanner = JSONScanner(ByteBuffer(bytes: [0x22] + bytes + [0x22]).readableBytesView)
            #expect(throws: JSONScanner.Failure.self) { try scanner.compactValue() }
        }
    }
}
