import Broker
import HTTPTypes
import NIOHTTP1
import Tracing

/// The spans of requests, for the tracer of the program that runs the gateway (swift-distributed-tracing).
struct RequestTracing: Sendable {
    private let tracer: any Tracer

    /// - Returns: Nil where nobody would see a span: then requests cost nothing for this.
    init?(_ tracer: any Tracer) {
        guard !(tracer is NoOpTracer) else { return nil }
        self.tracer = tracer
    }

    private struct Headers: Extractor {
        func extract(key: String, from headers: HTTPHeaders) -> String? {
            let values = headers[key]
            return values.isEmpty ? nil : values.joined(separator: ",")
        }
    }

    /// A request's head is there. Its span is a part of the trace that the head names, where the tracer knows how it is named.
    func begin(_ head: HTTPRequestHead, _ route: LoopRoute?, _ id: RequestID) -> RequestSpan {
        var context = InstrumentationContext.topLevel
        tracer.extract(head.headers, into: &context, using: Headers())
        let method = head.method.rawValue
        // Names of spans have few values: paths are not among them (OpenTelemetry, HTTP spans).
        let span = tracer.startSpan(
            route?.template.map { "\(method) \($0)" } ?? method,
            context: context,
            ofKind: .server
        )
        span.attributes["http.request.method"] = method
        if let template = route?.template { span.attributes["http.route"] = template }
        if head.uri.utf8.first == UInt8(ascii: "/") {
            span.attributes["url.path"] = String(RequestTarget(head.uri).path)
        }
        span.attributes["http.request.id"] = id.description
        return RequestSpan(span: span, tracer: tracer)
    }
}

/// The span of a request, until it is answered or its stream is open.
///
/// Confined to its event loop.
final class RequestSpan {
    private let span: any Span
    private let tracer: any Tracer
    private var hasEnded = false

    fileprivate init(span: any Span, tracer: any Tracer) {
        (self.span, self.tracer) = (span, tracer)
    }

    /// What belongs to the request from here on.
    var context: InstrumentationContext { span.context }

    /// The publish goes to the store.
    func beginCommit(messages: Int) -> CommitSpan {
        let commit = tracer.startSpan("commit", context: span.context, ofKind: .internal)
        commit.attributes["messaging.batch.message_count"] = messages
        return CommitSpan(span: commit)
    }

    func end(_ status: HTTPResponse.Status) {
        guard !hasEnded else { return }
        hasEnded = true
        span.attributes["http.response.status_code"] = status.code
        // What a client did wrong is no error of the server.
        if status.kind == .serverError { span.setStatus(.init(code: .error)) }
        span.end()
    }

    /// The client went away before it was answered.
    func abandon() {
        guard !hasEnded else { return }
        hasEnded = true
        span.setStatus(.init(code: .error, message: "The client went away before it was answered."))
        span.end()
    }
}

/// The time from handing a publish to the store until it is stored and handed over.
struct CommitSpan: Sendable {
    fileprivate let span: any Span

    func end(_ outcome: MessageLog.Outcome) {
        if case .failure(let error) = outcome { span.recordError(error) }
        end(isStored: (try? outcome.get()) != nil)
    }

    func end(isStored: Bool) {
        if !isStored { span.setStatus(.init(code: .error)) }
        span.end()
    }
}

extension LoopRoute {
    /// As the router would write it; nil where the application has the path, or there is none.
    fileprivate var template: String? {
        switch self {
        case .stream: "/groups/{group}/events"
        case .streamOfGroups: "/events"
        case .publish, .poll(group: .some): "/groups/{group}/messages"
        case .publishBatch, .poll(group: nil): "/messages"
        case .socket: "/socket"
        case .granted(let path), .accepted(let path): path
        case .wholeServer: nil
        }
    }
}
