extension AutobahnTable {
    private static let greeting = Array("Hello-µ@ßöäüàá-UTF-8!!".utf8)
    private static let kosme = Array("κόσμε".utf8)
    private static let surrogate: [UInt8] = [0xED, 0xA0, 0x80]

    /// A message in frames of one byte each.
    private static func byBytes(_ bytes: [UInt8]) -> [PeerFrame] {
        bytes.enumerated().map { index, byte in
            PeerFrame(opcode: index == 0 ? 1 : 0, payload: [byte], isLast: index == bytes.count - 1)
        }
    }

    static let utf8: [AutobahnCase] = messages + failFast + sequences

    private static let messages: [AutobahnCase] = [
        .echo("6.1.1", [.text("")]),
        .echo("6.1.2", [.text("", isLast: false), .more(""), .more("", isLast: true)], .frames, [.text("")]),
        .echo("6.1.3", [.text("", isLast: false), .more("x"), .more("", isLast: true)], .frames, [.text("x")]),
        .echo("6.2.1", [.text(greeting)]),
        .echo(
            "6.2.2",
            [.text(Array(greeting[..<10]), isLast: false), .more(Array(greeting[10...]), isLast: true)],
            .frames,
            [.text(greeting)]
        ),
        .echo("6.2.3", byBytes(greeting), .frames, [.text(greeting)]),
        .echo("6.2.4", byBytes(kosme), .frames, [.text(kosme)]),
        .fails("6.3.1", [.text(kosme + surrogate + Array("edited".utf8))], code: 1007),
        .fails("6.3.2", byBytes(kosme + surrogate + Array("edited".utf8)), code: 1007),
    ]

    /// Bad text is found when its first bad byte comes: not at the end of the message, and not at the end of the frame.
    private static let failFast: [AutobahnCase] = {
        let (beginning, bad, rest) = (kosme, [0xF4, 0x90, 0x80, 0x80] as [UInt8], Array("edited".utf8))
        let header = 6
        let whole = beginning + bad + rest
        return [
            .fails(
                "6.4.1",
                [.text(beginning, isLast: false), .more(bad), .more(rest, isLast: true)],
                code: 1007,
                within: 2 * header + beginning.count + bad.count
            ),
            .fails(
                "6.4.2",
                [.text(beginning + [0xF4], isLast: false), .more([0x90]), .more([0x80, 0x80] + rest, isLast: true)],
                code: 1007,
                within: 2 * header + beginning.count + 2
            ),
            .fails("6.4.3", [.text(whole)], .bytes(1), code: 1007, within: header + beginning.count + 2),
            .fails(
                "6.4.4",
                [.text(whole)],
                .bytes(header + beginning.count + 2),
                code: 1007,
                within: header + beginning.count + 2
            ),
        ]
    }()

    private static let sequences: [AutobahnCase] = {
        let valid: [(String, [UInt8])] = [
            ("6.5.1", [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5]), ("6.6.2", [0xCE, 0xBA]),
            ("6.6.5", [0xCE, 0xBA, 0xE1, 0xBD, 0xB9]), ("6.6.7", [0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83]),
            ("6.7.1", [0x00]), ("6.7.2", [0xC2, 0x80]), ("6.7.3", [0xE0, 0xA0, 0x80]),
            ("6.7.4", [0xF0, 0x90, 0x80, 0x80]),
            ("6.9.1", [0x7F]), ("6.9.2", [0xDF, 0xBF]), ("6.9.3", [0xEF, 0xBF, 0xBF]),
            ("6.9.4", [0xF4, 0x8F, 0xBF, 0xBF]),
            ("6.11.1", [0xED, 0x9F, 0xBF]), ("6.11.2", [0xEE, 0x80, 0x80]), ("6.11.3", [0xEF, 0xBF, 0xBD]),
            ("6.11.4", [0xF4, 0x8F, 0xBF, 0xBF]), ("6.22.1", [0xEF, 0xBF, 0xBE]), ("6.22.2", [0xEF, 0xBF, 0xBF]),
            ("6.22.3", [0xF0, 0x9F, 0xBF, 0xBE]), ("6.22.4", [0xF0, 0x9F, 0xBF, 0xBF]), ("6.23.1", [0xEF, 0xBF, 0xBD]),
        ]
        let invalid: [(String, [UInt8])] = [
            ("6.6.1", [0xCE]), ("6.6.3", [0xCE, 0xBA, 0xE1]), ("6.6.4", [0xCE, 0xBA, 0xE1, 0xBD]),
            ("6.8.1", [0xF8, 0x88, 0x80, 0x80, 0x80]), ("6.8.2", [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80]),
            ("6.10.1", [0xF7, 0xBF, 0xBF, 0xBF]), ("6.10.2", [0xFB, 0xBF, 0xBF, 0xBF, 0xBF]),
            ("6.10.3", [0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF]), ("6.11.5", [0xF4, 0x90, 0x80, 0x80]),
            ("6.12.1", [0x80]), ("6.12.2", [0xBF]), ("6.12.3", [0x80, 0xBF]), ("6.12.4", [0x80, 0xBF, 0x80]),
            ("6.12.8", Array(0x80...0xBF)), ("6.13.1", [0xC0, 0x20, 0xC1, 0x20]), ("6.13.2", [0xE0, 0x20, 0xE1, 0x20]),
            ("6.13.3", [0xF0, 0x20, 0xF1, 0x20]), ("6.13.4", [0xF8, 0x20]), ("6.13.5", [0xFC, 0x20]),
            ("6.14.1", [0xC0]),
            ("6.14.2", [0xE0, 0x80]), ("6.14.3", [0xF0, 0x80, 0x80]), ("6.14.4", [0xF8, 0x80, 0x80, 0x80]),
            ("6.14.5", [0xFC, 0x80, 0x80, 0x80, 0x80]), ("6.14.6", [0xDF]), ("6.14.7", [0xEF, 0xBF]),
            ("6.14.8", [0xF7, 0xBF, 0xBF]), ("6.15.1", [0xC0, 0xE0, 0x80, 0xF0, 0x80, 0x80]), ("6.16.1", [0xFE]),
            ("6.16.2", [0xFF]), ("6.16.3", [0xFE, 0xFE, 0xFF, 0xFF]), ("6.17.1", [0xC0, 0xAF]),
            ("6.17.2", [0xE0, 0x80, 0xAF]), ("6.17.3", [0xF0, 0x80, 0x80, 0xAF]), ("6.18.1", [0xC1, 0xBF]),
            ("6.18.2", [0xE0, 0x9F, 0xBF]), ("6.18.3", [0xF0, 0x8F, 0xBF, 0xBF]), ("6.19.1", [0xC0, 0x80]),
            ("6.19.2", [0xE0, 0x80, 0x80]), ("6.19.3", [0xF0, 0x80, 0x80, 0x80]), ("6.20.1", [0xED, 0xA0, 0x80]),
            ("6.20.2", [0xED, 0xAD, 0xBF]), ("6.20.5", [0xED, 0xB0, 0x80]), ("6.20.7", [0xED, 0xBF, 0xBF]),
            ("6.21.1", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80]), ("6.21.8", [0xED, 0xAF, 0xBF, 0xED, 0xBF, 0xBF]),
        ]
        return valid.map { .echo($0, [.text($1)]) } + invalid.map { .fails($0, [.text($1)], code: 1007) }
    }()
}
