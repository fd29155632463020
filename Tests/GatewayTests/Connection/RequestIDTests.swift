import HTTPTypes
import NIOCore
import Testing

@testable import Gateway

struct RequestIDTests {
    @Test func `ids of a server differ`() {
        var seen: Set<String> = []
        for loop in 0..<40 {
            var ids = RequestIDs(process: 0xFFFF_FFFF, loop: loop)
            for _ in 0..<100 { seen.insert("\(ids.make())") }
        }
        #expect(seen.count == 4000)
        #expect(seen.allSatisfy { RequestID(given: $0) != nil })
    }

    @Test(arguments: [1, 9, 10, 15, 16, 17, 255, 256, 0xABCDEF, UInt64.max])
    func `the bytes are those of the text`(number: UInt64) {
        var buffer = ByteBuffer()
        buffer.writeHexadecimal(number)
        #expect(String(buffer: buffer) == String(number, radix: 16))
        var head = ResponseHead(.ok, for: .http1_1, bodyBytes: 0)
        let id = RequestID.made(prefix: "p-0-", number: number)
        head.add(id)
        #expect(String(buffer: head.takeBytes()) == "HTTP/1.1 200 OK\r\nX-Request-Id: \(id)\r\n\r\n")
    }

    @Test(arguments: [
        "a", "0af7651916cd43dd8448eb211c80319c", "Root=1-67891233-abcdef", "a/b:c@d+e~f._-",
        String(repeating: "x", count: 128),
    ])
    func `a sane one is taken`(text: String) {
        #expect(RequestID(given: text) == .given(text))
    }

    @Test(arguments: ["", " ", "a b", "a\"b", "a\nb", "ä", "a,b", "a;b", "{}", String(repeating: "x", count: 129)])
    func `another is not`(text: String) {
        #expect(RequestID(given: text) == nil)
    }
}
