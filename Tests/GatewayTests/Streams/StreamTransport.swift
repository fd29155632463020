import Foundation
import Testing

/// In which clothes the streams of a test come: what holds for one has to hold for each.
enum StreamTransport: String, CaseIterable, Sendable {
    case eventStream, webSocket

    /// Of the test that runs.
    @TaskLocal static var current = StreamTransport.eventStream

    /// What begins a stream.
    var status: Int { self == .webSocket ? 101 : 200 }
    var fields: [String] { self == .webSocket ? SocketClient.handshake : ["Accept: text/event-stream"] }
}

/// Runs each test of a suite once for every transport.
struct EachTransport: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        for transport in StreamTransport.allCases {
            try await StreamTransport.$current.withValue(transport) { try await function() }
        }
    }
}

extension Trait where Self == EachTransport {
    static var eachTransport: EachTransport { EachTransport() }
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

    private static func event(_ id: String?, _ event: String, _ data: String) -> [UInt8] {
        var text = id.map { "id: \($0)\n" } ?? ""
        if event != "message" { text += "event: \(event)\n" }
        var bytes = Array(text.utf8)
        let lines = Array(data.utf8).split(separator: 10, omittingEmptySubsequences: false)
        for line in lines { bytes += Array("data: ".utf8) + line + [10] }
        return bytes + [10]
    }
}
