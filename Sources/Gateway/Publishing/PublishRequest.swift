import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// `POST /groups/{group}/messages`: a message out of a request's body, query and headers.
struct PublishRequest {
    /// How the body is to be read, by its `Content-Type`.
    enum BodyKind: Hashable {
        case json
        case form
        case multipart(boundary: String)
        /// Anything else, and none: the body is the data as it stands.
        case text

        init(_ head: HTTPRequestHead) {
            guard let type = head.headers.first(name: "content-type") else {
                self = .text
                return
            }
            switch type.mediaType {
            case "application/json": self = .json
            case "application/x-www-form-urlencoded": self = .form
            case "multipart/form-data": self = .multipart(boundary: MultipartForm.boundary(in: type) ?? "")
            default: self = .text
            }
        }
    }

    private(set) var draft: MessageDraft
    /// Whether it goes to the store (`persist`, true by default).
    let isStored: Bool

    /// Refuses what the head alone shows to be wrong.
    static func checkHead(_ head: HTTPRequestHead) throws(Problem) {
        let keys = head.headers["idempotency-key"]
        guard keys.count <= 1 else {
            throw Problem(.badRequest, "There is more than one Idempotency-Key: send one for each message.")
        }
        // The parser has put U+FFFD in the place of what is not UTF-8: different keys would become one.
        guard keys.first?.unicodeScalars.contains("\u{FFFD}") != true else {
            throw Problem(.badRequest, "The Idempotency-Key is not UTF-8: use ASCII, such as a random UUID.")
        }
    }

    /// The parts of a request that can leave its event loop, and make a publish.
    struct Input: Sendable {
        let target: RequestTarget
        let idempotencyKey: String?
        let trace: TraceContext?
        let kind: BodyKind
        let body: ByteBuffer
        let group: String
        /// The body's share of the memory for bodies, until it has been read.
        private let memory: BudgetShare

        init(_ request: IncomingRequest, group: String) {
            target = request.target
            idempotencyKey = request.head.headers.first(name: "idempotency-key").map { String($0.trimmed) }
            trace = TraceContext(request.head.headers)
            kind = request.bodyKind ?? .text
            body = request.body.compact
            self.group = group
            memory = request.memory
        }

        /// Whether reading it would hold up the others of its event loop: some ten nanoseconds a byte.
        var takesLong: Bool { kind != .text && body.readableBytes > 128 << 10 }
    }

    init(_ request: Input) throws(Problem) {
        let query = try request.target.fields()
        try QueryParameters.publish.check(query)
        func parameter(_ name: String) -> String? { query.last { $0.name == name }?.value }
        switch parameter("persist") {
        case nil, "true": isStored = true
        case "false": isStored = false
        case .some(let value):
            throw Problem(.badRequest, "persist=\(value.quotedForPeople) is neither true nor false.")
        }
        var fields = try Self.fields(of: request)
        fields.event = fields.event ?? parameter("event")
        let key = request.idempotencyKey
        guard let data = fields.data else {
            throw Problem(.badRequest, "The message has no data. \(Self.advice(for: request.kind))")
        }
        do throws(BrokerError) {
            draft = try MessageDraft(
                group: try GroupName(request.group),
                event: fields.event ?? Message.defaultEvent,
                data: data,
                ttl: try Self.ttl(fields.ttl ?? parameter("ttl")),
                idempotencyKey: key
            )
        } catch {
            throw Problem(error)
        }
        draft.trace = request.trace
        guard isStored || (draft.ttl == nil && key == nil) else {
            throw Problem(
                .badRequest,
                "ttl and Idempotency-Key are for messages that are stored: leave them out, or leave out persist=false."
            )
        }
    }

    /// - Parameter text: Seconds, whole or with up to three decimals.
    static func ttl(_ text: String?) throws(BrokerError) -> Duration? {
        guard let text else { return nil }
        let point = text.utf8.firstIndex(of: UInt8(ascii: ".")) ?? text.endIndex
        guard
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }),
            text.utf8[point...].count <= 4,
            let seconds = Double(text), abs(seconds) < 1e12
        else {
            throw BrokerError(
                .invalidTTL,
                "ttl=\(text.quotedForPeople) is no number of seconds, such as 60, with at most three decimals."
            )
        }
        return .milliseconds(Int64((seconds * 1000).rounded()))
    }

    struct Fields {
        /// Of a message among many.
        var group: String?
        var event: String?
        var data: ByteBuffer?
        var ttl: String?
    }

    private static func fields(of request: Input) throws(Problem) -> Fields {
        switch request.kind {
        case .text:
            return Fields(data: request.body.readableBytes > 0 ? request.body : nil)
        case .json:
            let advice = " To send text as it is, set 'Content-Type: text/plain'."
            return try JSONFields.read(request.body, advice: advice)
        case .form:
            var form = Form()
            do {
                try FormText.forEachField(of: request.body.readableBytesView) { try form.take($0, $1) }
            } catch let problem as Problem {
                throw problem
            } catch {
                throw Problem(
                    .badRequest,
                    "The form has a broken percent escape, or is not UTF-8: event streams carry text. Encode it, e.g. as Base64."
                )
            }
            return form.fields
        case .multipart(let boundary):
            var form = Form()
            try MultipartForm.forEachField(of: request.body, boundary: boundary) { (name, value) throws(Problem) in
                try form.take(name, value)
            }
            return form.fields
        }
    }

    /// The fields of a form as they come. The first one that is not known, or comes again, ends the reading.
    private struct Form {
        private var event: String?
        private var data: String?
        private var ttl: String?

        /// A field that a browser leaves empty counts as absent; empty data is refused.
        var fields: Fields {
            Fields(
                event: event.flatMap { $0.isEmpty ? nil : $0 },
                data: data.map { ByteBuffer(string: $0) },
                ttl: ttl.flatMap { $0.isEmpty ? nil : $0 }
            )
        }

        mutating func take(_ name: String, _ value: String) throws(Problem) {
            switch name {
            case "event" where event == nil: event = value
            case "data" where data == nil: data = value
            case "ttl" where ttl == nil: ttl = value
            case "event", "data", "ttl":
                throw Problem(.badRequest, "The field '\(name)' comes twice.")
            default:
                throw Problem(
                    .badRequest,
                    "The form has a field \(name.quotedForPeople): there are event, data and ttl. "
                        + (name.utf8.first == UInt8(ascii: "{")
                            ? "JSON needs 'Content-Type: application/json'; curl says 'form' where nothing is said."
                            : "To send the body as it is, set 'Content-Type: text/plain'.")
                )
            }
        }
    }

    private static func advice(for kind: BodyKind) -> String {
        switch kind {
        case .text: "Send it as the body."
        case .json: "Send it as \"data\" in the JSON object."
        case .form, .multipart: "Send it as the form field data, or as the body with 'Content-Type: text/plain'."
        }
    }

    // MARK: Answers

    func publishUnstored(to log: MessageLog) throws(Problem) -> Answer {
        do {
            try log.publishUnstored(draft)
        } catch {
            throw Problem(error)
        }
        var body = ByteBuffer()
        body.writeString("{\"group\":\"\(draft.group)\",\"event\":")
        body.writeJSON(string: draft.event)
        body.writeString("}\n")
        return .json(.accepted, body)
    }

    static func answer(to outcome: MessageLog.Outcome) -> Answer {
        switch outcome {
        case .success(let published): created(published)
        case .failure(let error): Problem(error).answer
        }
    }

    private static func created(_ published: Published) -> Answer {
        let message = published.message
        let id = message.id?.description ?? ""
        let group = message.group?.description ?? ""
        var body = ByteBuffer()
        // By its parts, as interpolating them costs several times as much.
        body.reserveCapacity(160 + 2 * group.utf8.count + message.event.utf8.count)
        body.writeStaticString("{\"id\":\"")
        body.writeString(id)
        body.writeStaticString("\",\"group\":\"")
        body.writeString(group)
        body.writeStaticString("\",\"event\":")
        body.writeJSON(string: message.event)
        body.writeStaticString(",\"data_bytes\":")
        body.writeString(String(message.data.readableBytes))
        body.writeStaticString(",\"created_at\":\"")
        body.writeString(message.createdAt.description)
        body.writeStaticString("\"}\n")
        let headers: HTTPFields = [
            .contentType: "application/json", .location: "/groups/\(group)/messages/\(id)",
        ]
        return Answer(status: published.isReplay ? .ok : .created, headers: headers, body: body)
    }
}

extension ByteBuffer {
    /// The same bytes, in memory of their own where they are a small part of a larger piece: a body is a slice of what was
    /// read from the socket, and a message that is kept would keep all of that.
    var compact: ByteBuffer {
        storageCapacity > 2 * readableBytes + 512 ? ByteBuffer(bytes: readableBytesView) : self
    }
}

extension TraceContext {
    /// Nil where none is named, or not as it should be: that is no fault of the publish.
    init?(_ headers: HTTPHeaders) {
        guard let parent = headers.first(name: "traceparent"), headers[canonicalForm: "traceparent"].count == 1 else {
            return nil
        }
        let states = headers["tracestate"]
        self.init(parent: parent, state: states.isEmpty ? nil : states.joined(separator: ","))
    }
}
