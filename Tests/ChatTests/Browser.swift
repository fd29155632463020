import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Keeps cookies and the token of the page that it has loaded last, as a browser does.
final class Browser {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: String
    }

    let server: ChatServer
    var cookies: [String: String] = [:]
    var token = ""

    init(server: ChatServer) {
        self.server = server
    }

    /// The server's cookie of a kind, whose name ends with the server's own.
    func cookie(_ kind: String) -> String? {
        cookies.first { $0.key.hasPrefix("notify_\(kind)_") }?.value
    }

    /// What the cookie of a kind is called here; all of a server's end alike.
    func cookieName(_ kind: String) -> String {
        let suffix = cookies.keys.first { $0.hasPrefix("notify_") }?.split(separator: "_").last ?? ""
        return "notify_\(kind)_\(suffix)"
    }

    func request(_ path: String, _ method: HTTPMethod = .GET) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: server.url + path)
        request.method = method
        if !cookies.isEmpty {
            request.headers.add(name: "Cookie", value: cookies.map { "\($0)=\($1)" }.sorted().joined(separator: "; "))
        }
        return request
    }

    @discardableResult
    func send(_ request: HTTPClientRequest) async throws -> Answer {
        let response = try await server.client.execute(request, timeout: .seconds(30))
        let body = String(buffer: try await response.body.collect(upTo: 8 << 20))
        for field in response.headers["set-cookie"] {
            let pair = field.split(separator: ";")[0].split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            cookies[String(pair[0])] = pair[1].isEmpty ? nil : String(pair[1])
        }
        if let match = body.firstMatch(of: /name="csrf-token" content="([^"]+)"/) { token = String(match.1) }
        return Answer(status: Int(response.status.code), headers: response.headers, body: body)
    }

    @discardableResult
    func get(_ path: String, headers: HTTPHeaders = [:]) async throws -> Answer {
        var request = request(path)
        request.headers.add(contentsOf: headers)
        return try await send(request)
    }

    /// Sends a form, with the page's token where none is given.
    @discardableResult
    func post(_ path: String, _ fields: [String: String], headers: HTTPHeaders = [:]) async throws -> Answer {
        var request = request(path, .POST)
        var fields = fields
        if fields["csrf_token"] == nil { fields["csrf_token"] = token }
        let pairs = fields.map { "\(Self.encoded($0))=\(Self.encoded($1))" }
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(contentsOf: headers)
        request.body = .bytes(ByteBuffer(string: pairs.joined(separator: "&")))
        return try await send(request)
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: CharacterSet(charactersIn: "a"..."z")) ?? ""
    }

    struct Event: Equatable {
        var id = ""
        var name = "message"
        var data = ""
    }

    struct Message: Decodable, Equatable {
        let id: String
        let author__name: String
        let content: String
    }

    /// Reads a stream until an event is as wanted, or the stream ends.
    ///
    /// - Parameter whileOpen: Runs once the stream is open.
    func events(
        _ path: String,
        lastEventID: String? = nil,
        until isLast: (Event) -> Bool,
        whileOpen: () async throws -> Void = {}
    ) async throws -> [Event] {
        var request = request(path)
        if let lastEventID { request.headers.add(name: "Last-Event-ID", value: lastEventID) }
        let response = try await server.client.execute(request, timeout: .seconds(30))
        var events: [Event] = []
        var event = Event()
        var line: [UInt8] = []
        for try await part in response.body {
            for byte in part.readableBytesView {
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    continue
                }
                let text = String(decoding: line, as: UTF8.self)
                line = []
                if text.hasPrefix("id: ") { event.id = String(text.dropFirst(4)) }
                if text.hasPrefix("event: ") { event.name = String(text.dropFirst(7)) }
                if text.hasPrefix("data: ") { event.data += text.dropFirst(6) }
                guard text.isEmpty else { continue }
                if !event.data.isEmpty { events.append(event) }
                if isLast(event) { return events }
                if event.name == "stream-open" { try await whileOpen() }
                event = Event()
            }
        }
        return events
    }

    /// The chat's messages, until one has this text.
    func messages(until content: String, lastEventID: String? = nil) async throws -> [Message] {
        let events = try await events("/stream-chat-messages/", lastEventID: lastEventID) {
            $0.name == "message" && (try? Self.message($0).content) == content
        }
        return try events.filter { $0.name == "message" }.map(Self.message)
    }

    static func message(_ event: Event) throws -> Message {
        try JSONDecoder().decode(Message.self, from: Data(event.data.utf8))
    }
}
