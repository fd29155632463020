import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// `POST /messages`: many messages, one JSON object a line (`application/x-ndjson`), stored in one transaction.
///
/// The lines are read as they come, so what is held is the messages, not the text, and a bad line is refused before the
/// rest has come. Long lines wait for the end, and are read off the event loop.
struct PublishBatch {
    private let maximumMessages: Int
    /// A line is no longer than the body of a single message.
    private let maximumLineBytes: Int
    private let access: GroupAccess
    private var entries: [Entry] = []
    /// The line of each entry, counted from 1: empty lines are passed over.
    private var lines: [Int] = []
    /// Whether reading the rest would hold up the others of the event loop.
    private(set) var takesLong = false
    private var line = 0
    /// The beginning of a line whose end has not come.
    private var rest = ByteBuffer()

    private enum Entry {
        case draft(MessageDraft)
        /// A long line.
        case text(ByteBuffer)
    }

    /// The memory of a draft beside its text, in bytes.
    static let draftBytes = 256
    /// A longer line is not read on the event loop.
    private static let longLine = 64 << 10

    /// How many messages have come.
    var count: Int { entries.count }

    init(maximumMessages: Int, maximumLineBytes: Int, access: GroupAccess) {
        (self.maximumMessages, self.maximumLineBytes, self.access) = (maximumMessages, maximumLineBytes, access)
    }

    /// Refuses what the head alone shows to be wrong.
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
            "The line is too long: at most \(maximumLineBytes) bytes are allowed (\(GatewayConfiguration.Settings.maxBodySize))."
        )
    }

    /// The body has ended.
    ///
    /// - Throws: ``Problem``: also where there was no message in it.
    mutating func finish() throws(Problem) {
        if rest.readableBytes > 0 { try take(rest) }
        guard !entries.isEmpty else {
            throw Problem(.badRequest, "The body has no message: send one JSON object a line.")
        }
    }

    private mutating func take(_ text: ByteBuffer) throws(Problem) {
        line += 1
        // Empty ones cost the loop's time as well.
        guard line <= 4 * maximumMessages else {
            throw Problem(
                .contentTooLarge,
                "There are more than \(4 * maximumMessages) lines, empty ones among them (4 for each of "
                    + "\(GatewayConfiguration.Settings.maxBatchMessages)). Nothing was published."
            )
        }
        guard text.readableBytes <= maximumLineBytes else { throw lineTooLong.inLine(line) }
        guard text.readableBytesView.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { return }
        guard entries.count < maximumMessages else {
            throw Problem(
                .contentTooLarge,
                "There are more than \(maximumMessages) messages (\(GatewayConfiguration.Settings.maxBatchMessages)): send them in several requests. "
                    + "Nothing was published."
            )
        }
        if text.readableBytes > Self.longLine {
            entries.append(.text(text.compact))
            takesLong = true
        } else {
            entries.append(.draft(try draft(text, line)))
        }
        lines.append(line)
    }

    /// The messages of all lines.
    ///
    /// - Throws: ``Problem``: for the first long line that is refused.
    func drafts() throws(Problem) -> [MessageDraft] {
        var drafts: [MessageDraft] = []
        drafts.reserveCapacity(entries.count)
        for (entry, line) in zip(entries, lines) {
            switch entry {
            case .draft(let draft): drafts.append(draft)
            case .text(let text): drafts.append(try draft(text, line))
            }
        }
        return drafts
    }

    private func draft(_ text: ByteBuffer, _ line: Int) throws(Problem) -> MessageDraft {
        do {
            let draft = try Self.draft(text)
            try access.check(draft.group)
            return draft
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

    /// - Parameters:
    ///   - drafts: Of all its lines.
    ///   - complete: Called once, on the event loop.
    func publish(
        _ drafts: [MessageDraft],
        to log: MessageLog,
        on eventLoop: any EventLoop,
        complete: @escaping @Sendable (Answer) -> Void
    ) {
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
