import Broker
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// A refusal, as the client sees it: `application/problem+json` (RFC 9457). The detail says what to do.
struct Problem: Error {
    let status: HTTPResponse.Status
    let detail: String
    var headers: HTTPFields = [:]
    /// As what it is counted and logged; nil for what is no refusal, such as a path that is not there.
    var rejection: Rejection?

    /// - Parameter rejection: Where the status does not say it.
    init(
        _ status: HTTPResponse.Status,
        _ detail: String,
        headers: HTTPFields = [:],
        rejection: Rejection? = nil
    ) {
        self.status = status
        self.detail = detail
        self.headers = headers
        self.rejection = rejection ?? Rejection(status)
    }

    init(_ error: BrokerError) {
        switch error.code {
        case .idempotencyKeyReused: self.init(.unprocessableContent, error.message)
        case .messageTooLarge: self.init(.contentTooLarge, error.message)
        case .storeUnavailable, .storeUnusable, .overloaded, .closed:
            let rejection: Rejection? =
                switch error.code {
                case .overloaded: .queue
                case .closed: nil
                default: .store
                }
            self.init(.serviceUnavailable, error.message, headers: [.retryAfter: "1"], rejection: rejection)
        default: self.init(.badRequest, error.message)
        }
    }

    /// Anything that a route threw. What is not ours to explain is logged by the caller, not shown.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as BrokerError: self.init(error)
        case let error as HTTPError where error.status == .notFound:
            self.init(.notFound, error.body ?? "There is nothing at this path. docs/protocol.md lists what there is.")
        case let error as HTTPError:
            self.init(error.status, error.body ?? error.status.reasonPhrase, headers: error.headers)
        default: self.init(.internalServerError, "The server failed to answer. Its log says why.")
        }
    }

    static func notImplemented(_ what: String) -> Problem {
        Problem(.notImplemented, "\(what) is not available in this version. Nothing was done.")
    }

    var answer: Answer {
        var body = ByteBuffer()
        body.writeString("{\"type\":\"about:blank\",\"title\":")
        body.writeJSON(string: status.reasonPhrase)
        body.writeString(",\"status\":\(status.code),\"detail\":")
        body.writeJSON(string: detail)
        body.writeString("}\n")
        var headers = headers
        headers[.contentType] = "application/problem+json"
        return Answer(status: status, headers: headers, body: body, rejection: rejection)
    }
}

/// A whole answer to a request.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var headers: HTTPFields = [:]
    var body = ByteBuffer()
    /// Whether it is for programs, and not an application's page: then ``programFields`` go with it.
    var isForPrograms = true
    /// Its share of the memory for large answers, until the client has it.
    var held: BudgetShare?
    /// Why the request is refused; nil where it is not.
    var rejection: Rejection?

    /// No cache keeps it, since the next answer may be another; and no browser takes it for a page, whatever text it holds.
    /// Where an answer has one of them already, its own counts.
    static let programFields: HTTPFields = [.cacheControl: "no-store", .xContentTypeOptions: "nosniff"]

    /// JSON that was written already.
    static func json(_ status: HTTPResponse.Status = .ok, _ body: ByteBuffer, headers: HTTPFields = [:]) -> Answer {
        var answer = Answer(status: status, headers: headers, body: body)
        answer.headers[.contentType] = "application/json"
        return answer
    }
}

extension Answer: ResponseGenerator {
    func response(from request: Request, context: some RequestContext) -> Response {
        var headers = headers
        if isForPrograms {
            for field in Self.programFields where headers[field.name] == nil { headers.append(field) }
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}
