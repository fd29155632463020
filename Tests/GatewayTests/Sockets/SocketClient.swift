import Foundation
import Testing

@testable import Gateway

/// A WebSocket's client: frames as they are, and the protocol's JSON above.
actor SocketClient {
    struct Refused: Error {
        let response: RawResponse
    }

    /// The answer to the example of RFC 6455 §1.3.
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    static let handshake = [
        "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: \(key)",
    ]

    let connection: RawConnection
    nonisolated let head: RawResponse
    private var reader = PeerReader()

    /// - Throws: ``Refused``: another status than 101.
    init(_ connection: RawConnection) async throws {
        self.connection = connection
        head = try await connection.head()
        guard head.status == 101 else { throw Refused(response: head) }
    }

    // MARK: Frames

    func send(_ frames: PeerFrame...) async {
        await connection.send(frames.flatMap { $0.bytes() })
    }

    /// The next frame; nil at the end of the connection.
    func frame() async throws -> PeerFrame? {
        while true {
            if let frame = try reader.next() { return frame }
            let bytes = try await connection.someBytes()
            guard !bytes.isEmpty else { return nil }
            reader.feed(bytes)
        }
    }

    /// The next frame but for pings.
    func next() async throws -> PeerFrame {
        while true {
            let frame = try #require(try await frame(), "the connection has ended")
            if frame.opcode != 9 { return frame }
        }
    }

    /// Waits for the close, passing over what comes before.
    func closed() async throws -> PeerFrame {
        while true {
            let frame = try await next()
            if frame.opcode == 8 { return frame }
        }
    }

    // MARK: JSON

    func send(_ json: String...) async {
        await connection.send(json.flatMap { PeerFrame.text($0).bytes() })
    }

    /// The text of the next frame.
    func text() async throws -> String {
        let frame = try await next()
        #expect(frame.opcode == 1, "\(frame.closeCode ?? 0) \(frame.closeReason)")
        return frame.string
    }

    func json() async throws -> Reply {
        let text = try await text()
        return try JSONDecoder().decode(Reply.self, from: Data(text.utf8))
    }

    /// Sends a request, and gives the next text.
    func ask(_ json: String) async throws -> Reply {
        await send(json)
        return try await self.json()
    }

    /// Anything that the server says.
    struct Reply: Decodable, Equatable, Sendable {
        struct Failure: Decodable, Equatable, Sendable {
            let status: Int
            let title: String
            let detail: String
            var retry_after: Int?
        }

        struct Reset: Decodable, Equatable, Sendable {
            let subscription: String
            let reason: String
            let requested: String
            var oldest: String?
        }

        var subscribed: String?
        var unsubscribed: String?
        var published: Bool?
        var position: String?
        var resumed: Bool?
        var reset: Reset?
        var error: Failure?
        var subscription: String?
        var id: String?
        var group: String?
        var event: String?
        var data: String?
        var created_at: String?

        var sequence: Int64? { id?.split(separator: "-").last.flatMap { Int64($0) } }
    }
}

extension TestServer {
    func socket(_ path: String = "/socket", _ headers: [String] = []) async throws -> SocketClient {
        let connection = try await connect()
        await connection.send(Self.bytes("GET", path, SocketClient.handshake + headers))
        return try await SocketClient(connection)
    }
}
