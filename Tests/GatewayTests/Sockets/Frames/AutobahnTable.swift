/// Sections 1 to 7 of the Autobahn test suite, and 9 and 10 in small sizes.
enum AutobahnTable {
    static let all = framing + pings + reserved + opcodes + fragments + utf8 + closes + sizes

    private static let octets = AutobahnCase.Chops.bytes(1)
    private static func stars(_ count: Int) -> [UInt8] { Array(repeating: 0x2A, count: count) }
    private static func noise(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 254) }
    }

    static let framing: [AutobahnCase] = {
        let lengths = [0, 125, 126, 127, 128, 65_535, 65_536]
        return lengths.enumerated().flatMap { index, length in
            [
                AutobahnCase.echo("1.1.\(index + 1)", [.text(stars(length))]),
                .echo("1.2.\(index + 1)", [.binary(noise(length))]),
            ]
        } + [
            .echo("1.1.8", [.text(stars(65_536))], .bytes(997)),
            .echo("1.2.8", [.binary(noise(65_536))], .bytes(997)),
        ]
    }()

    static let pings: [AutobahnCase] = {
        let ten = (0..<10).map { PeerFrame.ping("payload-\($0)") }
        let tenPongs = (0..<10).map { PeerFrame.pong("payload-\($0)") }
        let long = [UInt8](repeating: 0xFE, count: 125)
        return [
            .echo("2.1", [.ping()], .frames, [.pong()]), .echo("2.2", [.ping("Hello")], .frames, [.pong("Hello")]),
            .echo(
                "2.3",
                [.ping([0, 255, 254, 253, 252, 251, 0, 255])],
                .frames,
                [.pong([0, 255, 254, 253, 252, 251, 0, 255])]
            ),
            .echo("2.4", [.ping(long)], .frames, [.pong(long)]), .fails("2.5", [.ping(long + [0xFE])]),
            .echo("2.6", [.ping(long)], octets, [.pong(long)]), .echo("2.7", [.pong()], .frames, []),
            .echo("2.8", [.pong("unsolicited")], .frames, []),
            .echo("2.9", [.pong("unsolicited"), .ping("ping")], .frames, [.pong("ping")]),
            .echo("2.10", ten, .together, tenPongs), .echo("2.11", ten, octets, tenPongs),
        ]
    }()

    static let reserved: [AutobahnCase] = {
        func script(_ frame: PeerFrame) -> [PeerFrame] { [.text("Hello"), frame, .ping()] }
        return [
            .fails("3.1", [.text("Hello", reserved: 1)]),
            .fails("3.2", script(.text("Hello", reserved: 2)), .together, after: [.text("Hello")]),
            .fails("3.3", script(.text("Hello", reserved: 3)), after: [.text("Hello")]),
            // Found in the first byte of the frame.
            .fails("3.4", script(.text("Hello", reserved: 4)), octets, after: [.text("Hello")], within: 12),
            .fails("3.5", [PeerFrame(opcode: 2, payload: noise(8), reserved: 5)]),
            .fails("3.6", [PeerFrame(opcode: 9, payload: noise(8), reserved: 6)]),
            .fails("3.7", [PeerFrame(opcode: 8, reserved: 7)]),
        ]
    }()

    static let opcodes: [AutobahnCase] = [("4.1", 3), ("4.2", 11)].flatMap { section, first in
        (0..<5).map { index in
            let frame = PeerFrame(opcode: UInt8(first + index), payload: index % 2 == 1 ? Array("reserved".utf8) : [])
            let number = "\(section).\(index + 1)"
            guard index >= 2 else { return AutobahnCase.fails(number, [frame]) }
            let script: [PeerFrame] = [.text("Hello"), frame, .ping()]
            return .fails(number, script, [.together, .frames, octets][index - 2], after: [.text("Hello")])
        }
    }

    static let fragments: [AutobahnCase] = {
        let two: [PeerFrame] = [.text("fragment1", isLast: false), .more("fragment2", isLast: true)]
        let whole = [PeerFrame.text("fragment1fragment2")]
        let between: [PeerFrame] = [two[0], .ping("ping payload"), two[1]]
        let pongFirst = [PeerFrame.pong("ping payload")] + whole
        let five: [PeerFrame] = [
            .text("fragment1", isLast: false), .more("fragment2"), .ping("pongme 1!"), .more("fragment3"),
            .more("fragment4"), .ping("pongme 2!"), .more("fragment5", isLast: true),
        ]
        let fiveReplies: [PeerFrame] = [
            .pong("pongme 1!"), .pong("pongme 2!"), .text("fragment1fragment2fragment3fragment4fragment5"),
        ]
        func orphan(_ isLast: Bool) -> [PeerFrame] {
            [.more("non-continuation payload", isLast: isLast), .text("Hello")]
        }
        let again: [PeerFrame] = [
            .more("fragment1"), .text("fragment2", isLast: false), .more("fragment3", isLast: true),
        ]
        return [
            .fails("5.1", [PeerFrame(opcode: 9, payload: [0x66], isLast: false), .more("2", isLast: true)]),
            .fails("5.2", [PeerFrame(opcode: 10, payload: [0x66], isLast: false), .more("2", isLast: true)]),
            .echo("5.3", two, .together, whole), .echo("5.4", two, .frames, whole), .echo("5.5", two, octets, whole),
            .echo("5.6", between, .together, pongFirst), .echo("5.7", between, .frames, pongFirst),
            .echo("5.8", between, octets, pongFirst),
            .fails("5.9", orphan(true), .together), .fails("5.10", orphan(true)), .fails("5.11", orphan(true), octets),
            .fails("5.12", orphan(false), .together), .fails("5.13", orphan(false)),
            .fails("5.14", orphan(false), octets),
            .fails("5.15", two + [.more("fragment3"), .text("fragment4")], .together, after: whole),
            .fails("5.16", again + again), .fails("5.17", [.more("fragment1", isLast: true)] + again.dropFirst()),
            .fails("5.18", [.text("fragment1", isLast: false), .text("fragment2")]),
            .echo("5.19", five, .together, fiveReplies), .echo("5.19 by frames", five, .frames, fiveReplies),
            .echo("5.20", five, octets, fiveReplies),
        ]
    }()

    static let closes: [AutobahnCase] = {
        let half: [PeerFrame] = [.text("fragment1", isLast: false), .close(1000), .more("fragment2", isLast: true)]
        let large = PeerFrame.text(stars(256 << 10))
        let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        let invalid = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
        let reason = Array("Hello World!".utf8)
        return [
            .closes("7.1.1", [.text("Hello"), .close(1000)], after: [.text("Hello")], code: 1000),
            .closes("7.1.2", [.close(1000), .close(1000)], code: 1000),
            .closes("7.1.3", [.close(1000), .ping()], code: 1000),
            .closes("7.1.4", [.close(1000), .text("Hello")], code: 1000), .closes("7.1.5", half, code: 1000),
            .closes("7.1.6", [large, .close(1000), .ping()], after: [large], code: 1000),
            .closes("7.3.1", [.close()], code: nil), .fails("7.3.2", [PeerFrame(opcode: 8, payload: [0x61])]),
            .closes("7.3.3", [.close(1000)], code: 1000), .closes("7.3.4", [.close(1000, reason)], code: 1000),
            .closes("7.3.5", [.close(1000, stars(123))], code: 1000), .fails("7.3.6", [.close(1000, stars(124))]),
            .fails("7.5.1", [.close(1000, [0xCE, 0xBA, 0xED, 0xA0, 0x80, 0x65])], code: 1007),
        ]
            + valid.enumerated().map { .closes("7.7.\($0 + 1)", [.close(UInt16($1))], code: UInt16($1)) }
            + invalid.enumerated().map { .fails("7.9.\($0 + 1)", [.close(UInt16($1), reason)]) }
    }()

    static let sizes: [AutobahnCase] = {
        let bytes = stars(300_000)
        func pieces(_ size: Int, _ first: UInt8) -> [PeerFrame] {
            stride(from: 0, to: bytes.count, by: size).map { start in
                let end = min(start + size, bytes.count)
                let opcode = start == 0 ? first : 0
                return PeerFrame(opcode: opcode, payload: Array(bytes[start..<end]), isLast: end == bytes.count)
            }
        }
        let many = (0..<200).map { PeerFrame.text(stars($0)) }
        return [
            .echo("9.1.1", [.text(bytes)]), .echo("9.2.1", [.binary(bytes)]),
            .echo("9.3.1", pieces(64, 1), .frames, [.text(bytes)]),
            .echo("9.3.4", pieces(4096, 1), .together, [.text(bytes)]),
            .echo("9.4.1", pieces(64, 2), .frames, [.binary(bytes)]),
            .echo("9.5.1", [.text(bytes)], .bytes(64)), .echo("9.5.6", [.text(bytes)], .bytes(2048)),
            .echo("9.6.1", [.binary(bytes)], .bytes(64)), .echo("9.7.1", many),
            .echo("9.8.1", many.map { .binary($0.payload) }, .together),
            .echo("10.1.1", [.text(stars(65_536))], .bytes(1300)),
        ]
    }()
}
