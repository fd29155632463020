import Testing

@testable import Gateway

/// The frame protocol against the cases of the Autobahn test suite. Strict: where the suite lets a server be lenient, this
/// one is not.
struct AutobahnTests {
    @Test(arguments: AutobahnTable.all)
    func `a case`(_ test: AutobahnCase) throws {
        let server = try EchoServer()
        var (sent, received) = ([PeerFrame](), 0)
        for piece in test.pieces {
            try server.receive(piece)
            received += piece.count
            sent += try server.sent()
            if let limit = test.failsWithin, received >= limit {
                #expect(server.isClosed, "not closed after \(received) bytes")
            }
        }
        let isClosed = test.closes != nil || test.closesWithoutCode
        #expect(server.isClosed == isClosed)
        if isClosed {
            let last = sent.popLast()
            #expect(last?.opcode == 8)
            #expect(last?.closeCode == test.closes)
            if test.closesWithoutCode { #expect(last?.payload == []) }
        }
        #expect(sent == test.replies)
    }

    /// However its bytes are cut, a case ends in the same way.
    @Test(arguments: AutobahnTable.all.filter { $0.pieces.reduce(0) { $0 + $1.count } < 2000 })
    func `a case, byte by byte and all at once`(_ test: AutobahnCase) throws {
        let bytes = test.pieces.flatMap { $0 }
        for size in [1, 2, 3, 7, bytes.count] {
            let server = try EchoServer()
            for start in stride(from: 0, to: bytes.count, by: size) {
                try server.receive(bytes[start..<min(start + size, bytes.count)])
            }
            var sent = try server.sent()
            if test.closes != nil || test.closesWithoutCode {
                let last = sent.popLast()
                #expect(last?.closeCode == test.closes)
            }
            #expect(sent == test.replies)
        }
    }
}
