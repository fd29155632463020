import Foundation
import Testing

/// In which clothes the streams of a test come: what holds for one has to hold for each.
enum StreamTransport: String, CaseIterable, Sendable {
    case eventStream, lines, webSocket

    /// Of the test that runs.
    @TaskLocal static var current = StreamTransport.eventStream

    /// What begins a stream.
    var status: Int { self == .webSocket ? 101 : 200 }
    var fields: [String] {
        switch self {
        case .eventStream: ["Accept: text/event-stream"]
        case .lines: ["Accept: application/x-ndjson"]
        case .webSocket: SocketClient.handshake
        }
    }
}

/// Runs each test of a suite once for every transport.
struct EachTransport: SuiteTrait, TestTrait, TestScoping {
    var transports = StreamTransport.allCases
    let isRecursive = true

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        for transport in transports {
            try await StreamTransport.$current.withValue(transport) { try await function() }
        }
    }
}

extension Trait where Self == EachTransport {
    static var eachTransport: EachTransport { EachTransport() }

    /// For tests whose clients cost more than the server.
    static var streamsAndSockets: EachTransport { EachTransport(transports: [.eventStream, .webSocket]) }
}

/// Reads a WebSocket's frames as the event stream that they stand for, so that a test looks at both in the same way.
struct SocketEvents: Sendable {
    private var reader = PeerReader()
    /// The close, once it has come.
    private(set) var close: PeerFrame?

    /// - Returns: Bytes of an event stream.
    mutating func feed(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
        reader.feed(bytes)
        var text: [UInt8] = []
        while let frame = try reader.next() {
            switch frame.opcode {
            case 9: text += Array(":\n\n".utf8)
            case 8: close = frame
            default: text += try Self.event(frame.payload)
            }
        }
        return text
    }

    private static func event(_ json: [UInt8]) throws -> [UInt8] {
        let reply = try JSONDecoder().decode(SocketClient.Reply.self, from: Data(json))
        if reply.subscribed != nil {
            return event(reply.position, "stream-open", String(decoding: json, as: UTF8.self))
        }
        if reply.reset != nil {
            let text = String(decoding: json, as: UTF8.self)
            let end = try #require(text.range(of: ",\"position\":", options: .backwards)?.lowerBound)
            return event(reply.position, "stream-reset", String(text[..<end].dropFirst("{\"reset\":".count)))
        }
        return event(reply.id, reply.event ?? "", try #require(reply.data))
    }

    static func event(_ id: String?, _ event: String, _ data: String) -> [UInt8] {
        var text = id.map { "id: \($0)\n" } ?? ""
        if event != "message" { text += "event: \(event)\n" }
        var bytes = Array(text.utf8)
        for line in lines(Array(data.utf8)) { bytes += Array("data: ".utf8) + line + [10] }
        return bytes + [10]
    }

    /// An event stream ends lines at CR, LF and CRLF.
    private static func lines(_ data: [UInt8]) -> [ArraySlice<UInt8>] {
        // Most have one line. In a debug build, the standard library's own search takes longer than all else that a client does.
        let isOne = data.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            return memchr(base, 10, bytes.count) == nil && memchr(base, 13, bytes.count) == nil
        }
        guard !isOne else { return [data[...]] }
        var (lines, start): ([ArraySlice<UInt8>], Int) = ([], 0)
        for (index, byte) in data.enumerated() where byte == 10 || byte == 13 {
            let isSecondHalf = byte == 10 && index > 0 && data[index - 1] == 13
            if !isSecondHalf { lines.append(data[start..<index]) }
            start = index + 1
        }
        return lines + [data[start...]]
    }
}

/// Reads NDJSON as the event stream that it stands for.
struct LineEvents: Sendable {
    private var rest: [UInt8] = []

    /// - Returns: Bytes of an event stream.
    mutating func feed(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
        rest += bytes
        let lines = rest.split(separator: 10, omittingEmptySubsequences: false)
        rest = lines.last.map(Array.init) ?? []
        return try lines.dropLast().flatMap { $0.isEmpty ? Array(":\n\n".utf8) : try Self.event(Array($0)) }
    }

    private struct Line: Decodable {
        let id: String?
        let event: String
    }

    private struct Message: Decodable {
        let id: String?
        let event: String
        let data: String
    }

    private static func event(_ json: [UInt8]) throws -> [UInt8] {
        guard json.starts(with: Array("{\"event\":\"stream-".utf8)) else {
            let message = try JSONDecoder().decode(Message.self, from: Data(json))
            return SocketEvents.event(message.id, message.event, message.data)
        }
        let line = try JSONDecoder().decode(Line.self, from: Data(json))
        let text = String(decoding: json, as: UTF8.self)
        let start = try #require(text.range(of: "\"data\":")?.upperBound)
        let retry = text.firstMatch(of: /"retry":([0-9]+)/)?.1
        let wait = retry.map { Array("retry: \($0)\n".utf8) } ?? []
        if line.event == "stream-end" { return wait + [10] }
        return wait + SocketEvents.event(line.id, line.event, String(text[start...].dropLast()))
    }
}
