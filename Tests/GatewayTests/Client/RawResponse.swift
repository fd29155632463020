import Foundation

/// A response as it came over the wire.
struct RawResponse: Sendable {
    struct Malformed: Error {
        let head: String
    }

    let version: String
    let status: Int
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []

    init(head: String) throws {
        var lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        let status = lines.removeFirst().split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard status.count == 3, status[0].hasPrefix("HTTP/1."), let code = Int(status[1]) else {
            throw Malformed(head: head)
        }
        version = String(status[0])
        self.status = code
        headers = try lines.map { line in
            guard let colon = line.firstIndex(of: ":") else { throw Malformed(head: head) }
            return (line[..<colon].lowercased(), line[colon...].dropFirst().trimmingCharacters(in: .whitespaces))
        }
    }

    /// The value of a field, several joined by commas (RFC 9110 §5.3); nil without it.
    subscript(_ name: String) -> String? {
        let values = headers.filter { $0.name == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    var isChunked: Bool { self["transfer-encoding"] == "chunked" }
    var closes: Bool { self["connection"] == "close" }
    var text: String { String(decoding: body, as: UTF8.self) }

    func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body))
    }

    /// The names of a JSON object's members.
    var keys: Set<String> {
        let object = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any]
        return Set(object?.keys.map { $0 } ?? [])
    }
}

/// `application/problem+json` (RFC 9457).
struct ProblemBody: Decodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
}

/// The answer to a publish.
struct CreatedBody: Decodable {
    let id: String
    let group: String
    let event: String
    let data_bytes: Int
    let created_at: String
}

/// A message of the history.
struct MessageBody: Decodable {
    let id: String?
    let group: String
    let event: String
    let data: String
    let created_at: String
}

struct HistoryBody: Decodable {
    let messages: [MessageBody]
    let has_more: Bool

    var data: [String] { messages.map(\.data) }
}

struct GroupBody: Decodable, Equatable {
    let group: String
    let messages: Int
    let subscribers: Int
    let first_id: String?
    let last_id: String?
}

struct GroupsBody: Decodable {
    let groups: [GroupBody]
    let has_more: Bool

    var names: [String] { groups.map(\.group) }
}
