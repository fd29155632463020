import HTTPTypes
import NIOCore
import NIOHTTP1

/// The heads of answers and streams: what the route has said, and the fields that all have.
struct AnswerHeads {
    var access: AccessPolicy
    private var dateField = DateField()

    /// What says the time in a head.
    var date: String { dateField.value }

    init(access: AccessPolicy) {
        self.access = access
    }

    /// Called about once a second.
    mutating func refresh() {
        dateField.refresh()
    }

    /// The head of a stream.
    func streamHead(
        _ fields: HTTPFields,
        answering request: HTTPRequestHead,
        _ id: RequestID,
        on wire: Wire
    ) -> ResponseHead {
        let extra = access.headers(for: request, vary: fields[values: .vary])
        var fields = fields
        if access.variesByOrigin { fields[.vary] = nil }
        return StreamHead.make(fields, on: wire, date: date, id: id, extraHeaders: extra)
    }

    /// The head of an answer, with room for its body.
    func head(
        of answer: Answer,
        to request: HTTPRequestHead,
        _ id: RequestID,
        on wire: Wire,
        keepsAlive: Bool
    ) -> ResponseHead {
        let isBodiless = request.method == .HEAD && answer.body.readableBytes == 0
        return head(of: answer, body: isBodiless ? .none : .known, to: request, id, on: wire, keepsAlive: keepsAlive)
    }

    /// The head of a response whose body is made while it is sent.
    func head(
        of response: StreamedHead,
        to request: HTTPRequestHead,
        _ id: RequestID,
        on wire: Wire,
        framing: Framing,
        keepsAlive: Bool
    ) -> ResponseHead {
        let answer = Answer(status: response.status, headers: response.headers, isForPrograms: false)
        return head(of: answer, body: .parts(framing), to: request, id, on: wire, keepsAlive: keepsAlive)
    }

    private enum Body {
        /// The answer's.
        case known
        case none
        /// It comes later.
        case parts(Framing)
    }

    private func head(
        of answer: Answer,
        body: Body,
        to request: HTTPRequestHead,
        _ id: RequestID,
        on wire: Wire,
        keepsAlive: Bool
    ) -> ResponseHead {
        var head = ResponseHead(answer.status, for: wire.version, bodyBytes: answer.body.readableBytes)
        var (hasLength, hasCacheRule, hasTypeRule) = (false, false, false)
        for field in answer.headers {
            switch field.name {
            case .contentLength:
                // RFC 9110 §8.6 allows no length with 204; the router puts one there.
                if answer.status == .noContent { continue }
                hasLength = true
            case .cacheControl: hasCacheRule = true
            case .xContentTypeOptions: hasTypeRule = true
            case .vary where access.variesByOrigin: continue
            default: break
            }
            head.add(field.name.rawName, field.value)
        }
        if answer.isForPrograms {
            if !hasCacheRule { head.add("Cache-Control", "no-store") }
            if !hasTypeRule { head.add("X-Content-Type-Options", "nosniff") }
        }
        switch body {
        case .known where !hasLength && answer.status != .noContent && answer.status != .notModified:
            head.add("Content-Length", "\(answer.body.readableBytes)")
        case .parts(let framing): wire.addFraming(framing, to: &head)
        case .known, .none: break
        }
        head.add("Date", date)
        head.add(id)
        if access.variesByOrigin {
            let fields = access.headers(for: request, vary: answer.headers[values: .vary])
            for (name, value) in fields { head.add(name, value) }
        }
        wire.addConnection(to: &head, keepsAlive: keepsAlive)
        return head
    }
}
