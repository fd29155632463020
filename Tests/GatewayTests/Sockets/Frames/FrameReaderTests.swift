import NIOCore
import Testing

@testable import Gateway

/// What Autobahn's cases do not ask for.
struct FrameReaderTests {
    private static func fault(_ bytes: [UInt8], limit: Int = 1000, acceptsBinary: Bool = false) -> FrameFault? {
        var reader = FrameReader(maximumMessageBytes: limit, acceptsBinary: acceptsBinary)
        reader.feed(ByteBuffer(bytes: bytes))
        do throws(FrameFault) {
            while try reader.next() != nil {}
            return nil
        } catch {
            return error
        }
    }

    @Test func `a frame without a mask is refused`() {
        #expect(Self.fault(PeerFrame.text("Hello").bytes(mask: nil))?.code == .protocolError)
        #expect(Self.fault(PeerFrame.ping().bytes(mask: nil))?.code == .protocolError)
    }

    @Test func `a binary message is refused by its first bytes`() {
        #expect(Self.fault(PeerFrame.binary([1]).bytes())?.code == .unsupportedData)
        #expect(Self.fault([0x82])?.code == .unsupportedData)
        #expect(Self.fault([0x82], acceptsBinary: true) == nil)
    }

    @Test func `a message that is too large is refused before it comes, in one frame or in many`() {
        #expect(Self.fault(PeerFrame.text([UInt8](repeating: 65, count: 1000)).bytes()) == nil)
        let large = PeerFrame.text([UInt8](repeating: 65, count: 1001)).bytes()
        #expect(Self.fault(large)?.code == .tooBig)
        #expect(Self.fault(Array(large.prefix(4)))?.code == .tooBig)
        let parts =
            PeerFrame.text([UInt8](repeating: 65, count: 600), isLast: false).bytes()
            + PeerFrame.more([UInt8](repeating: 65, count: 401), isLast: true).bytes().prefix(4)
        #expect(Self.fault(parts)?.code == .tooBig)
        // A length that no memory has, and one that is no number.
        #expect(Self.fault([0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])?.code == .tooBig)
        #expect(Self.fault([0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])?.code == .protocolError)
    }

    @Test func `a length in more bytes than it needs is refused`() {
        #expect(Self.fault([0x81, 0xFE, 0, 125])?.code == .protocolError)
        #expect(Self.fault([0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])?.code == .protocolError)
        #expect(Self.fault([0x89, 0xFE, 0, 126])?.code == .protocolError)
    }

    @Test func `what is announced takes no memory before it comes`() throws {
        var reader = FrameReader(maximumMessageBytes: 1 << 30, acceptsBinary: false)
        let frame = PeerFrame.text([UInt8](repeating: 65, count: 70_000)).bytes()
        reader.feed(ByteBuffer(bytes: frame.prefix(100)))
        #expect(try reader.next() == nil)
        #expect(reader.heldBytes == 86)
        #expect(reader.memoryBytes <= FrameReader.firstBytes)
        reader.feed(ByteBuffer(bytes: frame.dropFirst(100)))
        #expect(try reader.next() != nil)
        #expect(reader.heldBytes == 0 && reader.memoryBytes == 0)
    }

    @Test func `memory grows with what comes, and is no more than twice that`() throws {
        var reader = FrameReader(maximumMessageBytes: 1 << 30, acceptsBinary: false)
        let frame = PeerFrame.text([UInt8](repeating: 65, count: 200_000)).bytes()
        for start in stride(from: 0, to: frame.count - 1, by: 1000) {
            reader.feed(ByteBuffer(bytes: frame[start..<min(start + 1000, frame.count - 1)]))
            #expect(try reader.next() == nil)
            #expect(reader.memoryBytes <= max(FrameReader.firstBytes, 2 * reader.heldBytes))
        }
    }

    @Test func `nothing that comes breaks it`() {
        var random = StreamRandom(seed: 1)
        for _ in 0..<20_000 {
            var reader = FrameReader(maximumMessageBytes: 300, acceptsBinary: true)
            var bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Mostly something that looks like frames.
            if Bool.random(using: &random), bytes.count > 1 {
                bytes[0] = [0x81, 0x01, 0x80, 0x00, 0x89, 0x88].randomElement(using: &random) ?? 0
                bytes[1] = 0x80 | UInt8.random(in: 0..<30, using: &random)
            }
            do throws(FrameFault) {
                for start in stride(from: 0, to: bytes.count, by: 5) {
                    reader.feed(ByteBuffer(bytes: bytes[start..<min(start + 5, bytes.count)]))
                    while try reader.next() != nil {}
                    #expect(reader.heldBytes <= 340)
                }
            } catch { #expect(error.code != .normal) }
        }
    }

    @Test func `a frame around what is written has the header that its length needs`() throws {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let text = String(repeating: "x", count: length)
            let frame = SocketFrame.text(reserving: 3) { $0.writeString(text) }
            #expect(frame == SocketFrame.text(ByteBuffer(string: text)))
            #expect(Array(frame.readableBytesView) == PeerFrame.text(text).bytes(mask: nil))
        }
    }

    @Test func `a reason is cut where it does not fit`() {
        let frame = SocketFrame.close(.tooBig, String(repeating: "ü", count: 100))
        #expect(frame.readableBytes == 2 + 2 + 122)
    }
}
