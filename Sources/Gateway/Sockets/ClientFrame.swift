import Broker
import HTTPTypes
import NIOCore

/// What the text of a WebSocket's client asks for: one request, and a `ref` that its answer repeats.
struct ClientFrame {
    enum Request {
        case subscribe(SubscribeFields)
        /// The name of a subscription.
        case unsubscribe(String)
        case publish(PublishFields)
        /// A number or text, as it was written.
        case ping(ByteBuffer)
    }

    struct SubscribeFields {
        var name: String?
        var groups: [String] = []
        var patterns: [String] = []
        var since: String?
        var last: String?
        var lastEventID: String?
        var presence = false
    }

    struct PublishFields {
        var group: String?
        var event: String?
        var data: ByteBuffer?
        var ttl: String?
        var persist = true
        var idempotencyKey: String?
    }

    /// As it was written; nil where there is none that counts.
    private(set) var ref: ByteBuffer?
    /// What a refusal is about, as far as it was understood.
    private(set) var subscription: String?
    private(set) var request: Result<Request, Problem>
    /// Whether it is a publish with something wrong in it.
    private(set) var isUnreadPublish = false

    /// The longest text that an answer repeats, in bytes: a ref, the name of a subscription.
    static let longestText = 64
    /// Longer ones are not read on the event loop: some ten nanoseconds a byte.
    static let longFrame = 128 << 10

    init(_ text: ByteBuffer) {
        request = .failure(Problem(.badRequest, Self.nothing))
        var scanner = JSONScanner(text.readableBytesView)
        do throws(JSONScanner.Failure) {
            request = .success(try read(&scanner))
        } catch {
            switch error {
            case .problem(let problem): request = .failure(problem)
            case .syntax(let expectation):
                request = .failure(
                    Problem(.badRequest, "This is not JSON: \(expectation) at byte \(scanner.offset). \(Self.nothing)")
                )
            }
            // It may stand behind what is wrong.
            if ref == nil { ref = Self.ref(in: text) }
        }
    }

    private static let nothing =
        "Send one JSON object a frame with 'subscribe', 'unsubscribe', 'publish' or 'ping' in it, such as {\"ping\":1}."

    private mutating func read(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Request {
        var request: Request?
        var ref: ByteBuffer?
        var name: String?
        scanner.skipSpace()
        guard scanner.peek == UInt8(ascii: "{") else {
            _ = try scanner.compactValue()
            throw .problem(Problem(.badRequest, Self.nothing))
        }
        var isPublish = false
        defer { (self.ref, subscription, isUnreadPublish) = (ref, name, isPublish) }
        try scanner.object { key, scanner throws(JSONScanner.Failure) in
            if key == "ref" {
                guard ref == nil else { throw Self.twice(key) }
                return ref = try Self.shortValue(key, &scanner)
            }
            guard request == nil else {
                throw .problem(Problem(.badRequest, "\(key.quotedForPeople) is too much: send one request a frame."))
            }
            switch key {
            case "subscribe": request = .subscribe(try Self.subscribe(&scanner, &name))
            case "unsubscribe":
                let text = try Self.text(key, &scanner)
                name = text.utf8.count <= Self.longestText ? text : nil
                request = .unsubscribe(text)
            case "publish":
                isPublish = true
                request = .publish(try Self.publish(&scanner))
            case "ping": request = .ping(try Self.shortValue(key, &scanner))
            default: throw Self.unknown(key, ["subscribe", "unsubscribe", "publish", "ping", "ref"])
            }
        }
        try scanner.end()
        guard let request else { throw .problem(Problem(.badRequest, Self.nothing)) }
        isPublish = false
        return request
    }

    /// The ref of a frame that is wrong somewhere.
    private static func ref(in text: ByteBuffer) -> ByteBuffer? {
        var scanner = JSONScanner(text.readableBytesView)
        var ref: ByteBuffer?
        scanner.skipSpace()
        do throws(JSONScanner.Failure) {
            try scanner.object { key, scanner throws(JSONScanner.Failure) in
                if key == "ref", ref == nil {
                    ref = try shortValue(key, &scanner)
                } else {
                    _ = try scanner.compactValue()
                }
            }
        } catch { return ref }
        return ref
    }

    private static func subscribe(
        _ scanner: inout JSONScanner,
        _ name: inout String?
    ) throws(JSONScanner.Failure) -> SubscribeFields {
        var fields = SubscribeFields()
        var seen: Set<String> = []
        // By a copy: a closure holds no `inout`.
        var found: String?
        defer { name = found }
        try Self.object("subscribe", &scanner) { key, scanner throws(JSONScanner.Failure) in
            guard seen.insert(key).inserted else { throw twice(key) }
            switch key {
            case "name":
                let text = try Self.text(key, &scanner)
                guard (1...longestText).contains(text.utf8.count) else {
                    throw .problem(Problem(.badRequest, "\"name\" has 1 to \(longestText) bytes."))
                }
                (fields.name, found) = (text, text)
            case "groups": fields.groups = try texts(key, &scanner)
            case "match": fields.patterns = try texts(key, &scanner)
            case "since": fields.since = try scanner.null() ? nil : text(key, &scanner)
            case "last": fields.last = try scanner.null() ? nil : String(buffer: scanner.compactValue())
            case "last_event_id": fields.lastEventID = try scanner.null() ? nil : text(key, &scanner)
            case "presence": fields.presence = try bool(key, &scanner)
            default:
                throw unknown(key, ["name", "groups", "match", "since", "last", "last_event_id", "presence"])
            }
        }
        return fields
    }

    private static func publish(_ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> PublishFields {
        var fields = PublishFields()
        var seen: Set<String> = []
        try Self.object("publish", &scanner) { key, scanner throws(JSONScanner.Failure) in
            guard seen.insert(key).inserted else { throw twice(key) }
            switch key {
            case "group": fields.group = try text(key, &scanner)
            case "event": fields.event = try scanner.null() ? nil : text(key, &scanner)
            case "data":
                fields.data =
                    scanner.peek == UInt8(ascii: "\"")
                    ? ByteBuffer(string: try scanner.string()) : try scanner.compactValue()
            case "ttl": fields.ttl = try scanner.null() ? nil : String(buffer: scanner.compactValue())
            case "persist": fields.persist = try bool(key, &scanner)
            case "idempotency_key": fields.idempotencyKey = try scanner.null() ? nil : text(key, &scanner)
            default: throw unknown(key, ["group", "event", "data", "ttl", "persist", "idempotency_key"])
            }
        }
        return fields
    }

    // MARK: Values

    private static func object(
        _ key: String,
        _ scanner: inout JSONScanner,
        _ member: (String, inout JSONScanner) throws(JSONScanner.Failure) -> Void
    ) throws(JSONScanner.Failure) {
        guard scanner.peek == UInt8(ascii: "{") else {
            throw .problem(Problem(.badRequest, "\"\(key)\" must be an object."))
        }
        try scanner.object(member)
    }

    private static func text(_ key: String, _ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> String {
        guard scanner.peek == UInt8(ascii: "\"") else {
            throw .problem(Problem(.badRequest, "\"\(key)\" must be a string."))
        }
        return try scanner.string()
    }

    private static func texts(_ key: String, _ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> [String] {
        guard scanner.peek == UInt8(ascii: "[") else {
            throw .problem(Problem(.badRequest, "\"\(key)\" must be a list of strings."))
        }
        var texts: [String] = []
        try scanner.array { scanner throws(JSONScanner.Failure) in texts.append(try text(key, &scanner)) }
        return texts
    }

    private static func bool(_ key: String, _ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> Bool {
        switch String(buffer: try scanner.compactValue()) {
        case "true": return true
        case "false": return false
        default: throw .problem(Problem(.badRequest, "\"\(key)\" must be true or false."))
        }
    }

    /// A number, or text of at most 64 bytes, as it is written.
    private static func shortValue(
        _ key: String,
        _ scanner: inout JSONScanner
    ) throws(JSONScanner.Failure) -> ByteBuffer {
        let isText = scanner.peek == UInt8(ascii: "\"")
        let isNumber = scanner.peek.map { $0.isDigit || $0 == UInt8(ascii: "-") } ?? false
        let refusal = Problem(.badRequest, "\"\(key)\" must be a number, or text of at most \(longestText) bytes.")
        guard isText || isNumber else { throw .problem(refusal) }
        guard isText else {
            let number = try scanner.compactValue()
            guard number.readableBytes <= longestText else { throw .problem(refusal) }
            return number
        }
        let text = try scanner.string()
        guard text.utf8.count <= longestText else { throw .problem(refusal) }
        var written = ByteBuffer()
        written.writeJSON(string: text)
        return written
    }

    private static func twice(_ key: String) -> JSONScanner.Failure {
        .problem(Problem(.badRequest, "The key \(key.quotedForPeople) comes twice."))
    }

    private static func unknown(_ key: String, _ known: [String]) -> JSONScanner.Failure {
        .problem(
            Problem(.badRequest, "Unknown key \(key.quotedForPeople). There are \(known.joined(separator: ", ")).")
        )
    }
}
