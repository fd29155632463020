import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1
import Tracing

/// A request of which the head has come, with as much of its body as has.
///
/// Confined to its event loop.
final class IncomingRequest {
    let head: HTTPRequestHead
    let target: RequestTarget
    let route: LoopRoute?
    /// On whose behalf it comes.
    let principal: Principal
    /// Whether it came encrypted.
    let isSecure: Bool
    /// What it may do with groups.
    var access: GroupAccess { principal.access(for: route?.need ?? .nothing) }
    /// Of a message that is published, and nil otherwise.
    let bodyKind: PublishRequest.BodyKind?
    /// By which the logs know it; nil before it is admitted.
    var id: RequestID?
    /// What traces of it belong to; nil where nobody traces.
    var traceContext: InstrumentationContext?
    /// Why it will be refused; its body is not looked at.
    var problem: Problem?
    /// The same of a request to the router, whose own refusals (404, 405, 401, 403) come before it.
    var laterProblem: Problem?
    var isRefused: Bool { problem != nil || laterProblem != nil }
    private(set) var body = ByteBuffer()
    /// Takes the body in the place of `body` where it is many messages.
    var batch: PublishBatch?
    let bodyLimit: Int
    /// How many bytes of the body have come.
    private(set) var received = 0
    let memory: BudgetShare
    private let largeShare: Int

    init(
        head: HTTPRequestHead,
        target: RequestTarget,
        route: LoopRoute?,
        principal: Principal,
        isSecure: Bool = false,
        bodyKind: PublishRequest.BodyKind? = nil,
        bodyLimit: Int,
        bodies: MemoryBudget = MemoryBudget(limit: .max)
    ) {
        (self.head, self.target, self.route, self.principal) = (head, target, route, principal)
        (self.bodyKind, self.bodyLimit, self.isSecure) = (bodyKind, bodyLimit, isSecure)
        memory = BudgetShare(of: bodies)
        largeShare = bodies.limit / 4 * 3
    }

    /// Takes a part of the body.
    ///
    /// - Throws: ``Problem``: 413 over the limit, 503 where all requests together have too much; a line of a batch that is
    ///   refused.
    func take(_ bytes: ByteBuffer) throws(Problem) {
        received += bytes.readableBytes
        guard received <= bodyLimit else { throw tooLarge }
        // A quarter is left to small bodies: a crowd of large ones must not shut everybody out.
        let isLarge = received > Self.smallBody
        guard memory.take(bytes.readableBytes, ofShare: isLarge ? largeShare : nil) else { throw Self.noMemory }
        if let before = batch?.count {
            try batch?.feed(bytes)
            let drafts = (batch?.count ?? 0) - before
            guard memory.take(drafts * PublishBatch.draftBytes, ofShare: largeShare) else { throw Self.noMemory }
        } else if body.readableBytes == 0 {
            body = bytes
        } else {
            body.writeImmutableBuffer(bytes)
        }
    }

    private static let smallBody = 64 << 10

    private static let noMemory = Problem(
        .serviceUnavailable,
        "The bodies of all requests together fill the memory that they may take (\(GatewayConfiguration.Settings.maxBodiesSize)). Nothing was stored. Send "
            + "it again in a moment.",
        headers: [.retryAfter: "1"],
        rejection: .bodies
    )

    /// Whether a body follows (RFC 9112 §6.3), or may: HTTP/2 does not announce it.
    var announcesBody: Bool {
        head.version.major >= 2 || head.headers.contains(name: "transfer-encoding")
            || head.headers.first(name: "content-length").map { $0 != "0" } ?? false
    }

    /// Nil where none is announced; `Int.max` for a number that is beyond that.
    var announcedBytes: Int? {
        guard let text = head.headers.first(name: "content-length")?.trimmed else { return nil }
        if let bytes = Int(text) { return bytes }
        return !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? .max : nil
    }

    /// Whether a route could answer with an event stream: `EventSource` says that it wants one.
    var mayBeEventStream: Bool {
        route == nil && head.method == .GET
            && head.headers["accept"].contains { $0.lowercased().contains("text/event-stream") }
    }

    var expectsContinue: Bool {
        head.usesHTTP11 && head.headers.contains(name: "expect")
    }
}

extension IncomingRequest {
    var tooLarge: Problem {
        Problem(.contentTooLarge, "The body is too large: at most \(bodyLimit) bytes are allowed here\(limitOption).")
    }

    /// The option that sets the limit of the body.
    private var limitOption: String {
        switch route {
        case .publish where bodyKind == .text: " (\(MessageLog.Configuration.Settings.maxMessageSize))"
        case .publish, nil: " (\(GatewayConfiguration.Settings.maxBodySize))"
        case .publishBatch: " (\(GatewayConfiguration.Settings.maxBatchSize))"
        case .stream, .streamOfGroups, .poll, .granted, .socket, .accepted, .wholeServer: ""
        }
    }
}

/// The target of a request in origin form (RFC 9112 §3.2.1), cut at the `?`.
struct RequestTarget: Sendable {
    let path: Substring
    let query: Substring

    init(_ uri: String) {
        let end = uri.utf8.firstIndex(of: UInt8(ascii: "?")) ?? uri.endIndex
        path = uri[..<end]
        query = end == uri.endIndex ? "" : uri[uri.utf8.index(after: end)...]
    }

    /// The query's fields in their order, decoded as forms are (WHATWG URL §5.1).
    ///
    /// - Throws: ``Problem``: 400 where a percent escape is broken or not UTF-8.
    func fields() throws(Problem) -> [(name: String, value: String)] {
        do {
            return try FormText.fields(of: query)
        } catch {
            throw Problem(.badRequest, "The query of the URL has a broken percent escape: encode it as UTF-8.")
        }
    }
}

/// What is answered on the event loop, before the router: event streams and publishing.
enum LoopRoute: Hashable {
    case stream(group: String)
    case streamOfGroups
    /// History that waits for what is not there yet; without a group it is of those in the query.
    case poll(group: String?)
    case publish(group: String)
    case publishBatch
    /// A stream on an application's path.
    case granted(path: String)
    /// A WebSocket.
    case socket
    /// A WebSocket on an application's path.
    case accepted(path: String)
    /// `OPTIONS *`: about the server as a whole.
    case wholeServer

    init?(
        _ method: HTTPMethod,
        _ path: Substring,
        query: Substring = "",
        _ streams: [String: StreamRoute] = [:],
        _ sockets: [String: SocketRoute] = [:]
    ) {
        // As the router sees them: with or without a slash at their end.
        let path = path.utf8.count > 1 && path.utf8.last == UInt8(ascii: "/") ? path.dropLast() : path
        switch method {
        case .GET, .HEAD:
            if path == "/events" {
                self = .streamOfGroups
            } else if path == "/socket" {
                self = .socket
            } else if let group = Self.group(in: path, before: "/events") {
                self = .stream(group: group)
            } else if method == .GET, Self.waits(query), path == "/messages" {
                self = .poll(group: nil)
            } else if method == .GET, Self.waits(query), let group = Self.group(in: path, before: "/messages") {
                self = .poll(group: group)
            } else if !streams.isEmpty, streams[Self.key(ofPath: path)] != nil {
                self = .granted(path: Self.key(ofPath: path))
            } else if !sockets.isEmpty, method == .GET, sockets[Self.key(ofPath: path)] != nil {
                self = .accepted(path: Self.key(ofPath: path))
            } else {
                return nil
            }
        case .POST:
            if let group = Self.group(in: path, before: "/messages") {
                self = .publish(group: group)
            } else if path == "/messages" {
                self = .publishBatch
            } else {
                return nil
            }
        case .OPTIONS where path.utf8.elementsEqual("*".utf8):
            self = .wholeServer
        default:
            return nil
        }
    }

    /// What it needs.
    var need: RouteNeed {
        switch self {
        case .stream, .streamOfGroups, .poll: .groups(.subscribe)
        case .publish, .publishBatch: .groups(.publish)
        case .granted, .accepted: .application
        case .socket: .any(of: [.subscribe, .publish])
        case .wholeServer: .nothing
        }
    }

    /// Whether a query has the field `wait`.
    private static func waits(_ query: Substring) -> Bool {
        guard !query.isEmpty else { return false }
        if query.utf8.split(separator: UInt8(ascii: "&")).contains(where: { $0.starts(with: "wait=".utf8) }) {
            return true
        }
        // Names may be escaped as well. Whoever answers it says where an escape is broken.
        guard query.utf8.contains(UInt8(ascii: "%")), let fields = try? FormText.fields(of: query) else { return false }
        return fields.contains { $0.name == "wait" }
    }

    /// A path as the router sees it: with or without `/` at its end.
    static func key(ofPath path: some StringProtocol) -> String {
        let text = String(path)
        return text.utf8.last == UInt8(ascii: "/") ? String(text.dropLast()) : text
    }

    /// The decoded name between `/groups/` and a suffix; nil where that is not the path's form. On bytes: this is on the
    /// way of every request, and comparing characters costs ten times as much.
    private static func group(in path: Substring, before suffix: StaticString) -> String? {
        let (bytes, prefix) = (path.utf8, "/groups/".utf8)
        guard bytes.count > prefix.count + suffix.utf8CodeUnitCount, bytes.starts(with: prefix),
            bytes.suffix(suffix.utf8CodeUnitCount).elementsEqual(suffix.bytes)
        else { return nil }
        let name = bytes.dropFirst(prefix.count).dropLast(suffix.utf8CodeUnitCount)
        guard !name.contains(UInt8(ascii: "/")) else { return nil }
        let text = Substring(name)
        return name.contains(UInt8(ascii: "%")) ? FormText.percentDecoded(text) ?? String(text) : String(text)
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}

extension LoopRoute {
    var publishes: Bool {
        switch self {
        case .publish, .publishBatch: true
        case .stream, .streamOfGroups, .poll, .granted, .socket, .accepted, .wholeServer: false
        }
    }

    var isStream: Bool {
        switch self {
        case .stream, .streamOfGroups, .granted, .socket, .accepted: true
        case .publish, .publishBatch, .poll, .wholeServer: false
        }
    }
}
