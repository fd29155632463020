import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// `POST /messages`: many messages, one JSON object a line (`application/x-ndjson`), stored in one transaction.
///
/// The lines are read as they come, so what is held is the messages, not the text, and a bad line is refused before the
/// rest has come.
struct PublishBatch {
    private let maximumMessages: Int
    /// A line is read on the event loop, once it is there, so it is no longer than the body of a single message.
    private let maximumLineBytes: Int
    private let reserved: ReservedGroups
    private var drafts: [MessageDraft] = []
    /// The line of each draft, counted from 1: empty lines are passed over.
    private var lines: [Int] = []
    private var line = 0
    /// The beginning of a line whose end has not come.
    private var rest = ByteBuffer()

    init(maximumMessages: Int, maximumLineBytes: Int, reserved: ReservedGroups) {
        (self.maximumMessages, self.maximumLineBytes, self.reserved) = (maximumMessages, maximumLineBytes, reserved)
    }

    /// What can be refused before the body has come.
    static func checkHead(_ head: HTTPRequestHead, _ target: RequestTarget) throws(Problem) {
        let query = try target.fields()
        for (name, value) in query {
            switch name {
            case "persist" where value != "true": throw .notImplemented("Publishing many messages that are not stored")
            case "group", "event", "ttl":
                throw Problem(.badRequest, "Give \"\(name)\" in the line of each message, not in the URL.")
            default: break
            }
        }
        try QueryParameters.batch.check(query)
        guard !head.headers.contains(name: "idempotency-key") else {
            throw .notImplemented("Idempotency-Key for many messages at once")
        }
        guard let type = head.headers.first(name: "content-type")?.mediaType,
            !["application/x-ndjson", "application/jsonl"].contains(type)
        else { return }
        throw Problem(
            .unsupportedMediaType,
            "Send one JSON object a line, such as {\"group\":\"my-group\",\"data\":\"hello\"}, with 'Content-Type: "
                + "application/x-ndjson'. This is \(type.quotedForPeople)."
        )
    }

    mutating func feed(_ bytes: ByteBuffer) throws(Problem) {
        var bytes = bytes
        while let length = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")).map({ $0 - bytes.readerIndex }),
            var end = bytes.readSlice(length: length)
        {
            bytes.moveReaderIndex(forwardBy: 1)
            if rest.readableBytes > 0 {
                rest.writeBuffer(&end)
                end = rest
                rest = ByteBuffer()
            }
            try take(end)
        }
        rest.writeBuffer(&bytes)
        if rest.readableBytes > maximumLineBytes { throw lineTooLong.inLine(line + 1) }
    }

    private var lineTooLong: Problem {
        Problem(
            .contentTooLarge,
            "The line is too long: at most \(maximumLineBytes) bytes are allowed (--max-body-size)."
        )
    }

    /// The body has ended.
    ///
    /// - Throws: ``Problem``: also where there was no message in it.
    mutating func finish() throws(Problem) {
        if rest.readableBytes > 0 { try take(rest) }
        guard !drafts.isEmpty else {
            throw Problem(.badRequest, "The body has no message: send one JSON object a line.")
        }
    }

    private mutating func take(_ text: ByteBuffer) throws(Problem) {
        line += 1
        guard text.readableBytes <= maximumLineBytes else { throw lineTooLong.inLine(line) }
        guard text.readableBytesView.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { return }
        guard drafts.count < maximumMessages else {
            throw Problem(
                .contentTooLarge,
                "There are more than \(maximumMessages) messages (--max-batch-messages): send them in several requests. "
                    + "Nothing was published."
            )
        }
        do {
            let draft = try Self.draft(text)
            try reserved.check(draft.group)
            drafts.append(draft)
            lines.append(line)
        } catch {
            throw error.inLine(line)
        }
    }

    private static func draft(_ text: ByteBuffer) throws(Problem) -> MessageDraft {
        let fields = try JSONFields.read(text, keys: ["group", "event", "data", "ttl"])
        guard let group = fields.group else {
            throw Problem(.badRequest, "The message has no \"group\".")
        }
        guard let data = fields.data else {
            throw Problem(.badRequest, "The message has no \"data\".")
        }
        do throws(BrokerError) {
            return try MessageDraft(
                group: try GroupName(group),
                event: fields.event ?? Message.defaultEvent,
                data: data,
                ttl: try PublishRequest.ttl(fields.ttl)
            )
        } catch {
            throw Problem(error)
        }
    }

    // MARK: Publishing

    /// - Parameter complete: Called once, on the event loop.
    func publish(to log: MessageLog, on eventLoop: any EventLoop, complete: @escaping @Sendable (Answer) -> Void) {
        log.publish(contentsOf: drafts, on: eventLoop) { [lines] outcome in
            complete(Self.answer(to: outcome, lines))
        }
    }

    private static func answer(to outcome: MessageLog.BatchOutcome, _ lines: [Int]) -> Answer {
        switch outcome {
        case .success(let published):
            var body = ByteBuffer()
            body.writeString("{\"ids\":[")
            for (index, published) in published.enumerated() {
                body.writeString(index > 0 ? ",\"" : "\"")
                body.writeString(published.message.id.map { "\($0)" } ?? "")
                body.writeString("\"")
            }
            body.writeString("]}\n")
            return .json(.created, body)
        case .failure(let error):
            let problem = Problem(error)
            return (error.index.map { problem.inLine(lines[$0]) } ?? problem).answer
        }
    }
}

extension Problem {
    /// The same, for one line of several.
    fileprivate func inLine(_ line: Int) -> Problem {
        Problem(status, "Line \(line): \(detail) Nothing was published.", headers: headers)
    }
}
