import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Checks a request whose body has not come.
struct Admission {
    let limits: GatewayLimits
    var access: AccessPolicy
    let authenticator: Authenticator
    let counters: Counters
    let bodies: MemoryBudget
    let strangers: Strangers

    /// Whether there are more connections, or streams of HTTP/2, than are allowed.
    var isOverLimit: Bool {
        counters.connections.value > limits.connections || counters.http2Streams.value > limits.http2.streams
    }

    /// Decides what can be decided before the body has come.
    ///
    /// - Parameter isExcess: The connection is one over the limit.
    func admit(_ received: HTTPRequestHead, _ arrival: Arrival, isExcess: Bool) -> IncomingRequest {
        var (head, refusal) = received.inOriginForm()
        var principal = Principal.nobody
        if refusal == nil {
            do throws(Problem) { principal = try self.principal(of: &head, arrival) } catch { refusal = error }
        }
        let target = RequestTarget(head.uri)
        let route = LoopRoute(head.method, target.path, query: target.query, limits.streams, limits.sockets)
        let bodyKind: PublishRequest.BodyKind? = if case .publish = route { .init(head) } else { nil }
        let request = IncomingRequest(
            head: head,
            target: target,
            route: route,
            principal: principal,
            isSecure: arrival.isSecure,
            bodyKind: bodyKind,
            bodyLimit: bodyLimit(of: route, head.method, bodyKind),
            bodies: bodies
        )
        do throws(Problem) {
            if let refusal { throw refusal }
            // The router's routes check what they need themselves: a path that is not there comes before that.
            try route?.need.check(principal)
            if case .publish(let group)? = route { try request.access.check(GroupName(parsing: group)) }
            // The parser of HTTP/1 has refused such a one; over HTTP/2 any word may come.
            if case .RAW(let method) = head.method,
                HTTPRequest.Method(method).map({ !HTTPRequest.Method.known.contains($0) }) ?? true
            {
                throw .notImplemented("The method \(method.quotedForPeople)")
            }
            do throws(Problem) { try Self.checkUnderstood(head) } catch {
                guard route == nil else { throw error }
                request.laterProblem = error
            }
            if isExcess, !(route?.isStream ?? false), !request.mayBeEventStream {
                counters.refusedConnections.add(1)
                throw arrival.isExcessOfAddress ? strangers.tooManyConnections : tooMany
            }
            if route?.publishes ?? false {
                try strangers.checkPublish(by: principal, head.headers, from: arrival.peer, now: .now())
            }
            switch route {
            case .publish?:
                try PublishRequest.checkHead(head)
            case .publishBatch?:
                try PublishBatch.checkHead(head, target)
                request.batch = PublishBatch(
                    maximumMessages: limits.batchMessages,
                    maximumLineBytes: limits.bodyBytes,
                    access: request.access
                )
            case .stream?, .streamOfGroups?, .poll?, .granted?, .socket?, .accepted?, .wholeServer?, nil: break
            }
            // The router would pass over the empty part: '/groups//events' would be the group 'events'.
            if target.path.utf8.starts(with: "/groups//".utf8) {
                throw Problem(.notFound, "The path has no group name: /groups/NAME, such as /groups/my-group/events.")
            }
        } catch {
            request.problem = error
        }
        return request
    }

    /// - Throws: ``Problem``: what the access policy refuses; 431 for a head of HTTP/2 that is too large, which nothing below
    ///   has told; 404 for what the operations port does not have.
    private func principal(of head: inout HTTPRequestHead, _ arrival: Arrival) throws(Problem) -> Principal {
        if head.version == .http2, head.fieldBytes > limits.headerBytes { throw .headTooLarge(limits) }
        let (fields, method) = (AccessFields(head.headers), head.method)
        let isSecure = isSecure(head, arrival)
        try access.check(head, fields, isSecure: isSecure)
        if arrival.entrance == .operations {
            // A page that has a name of its own lead to this machine has no token to show here.
            guard fields.hosts == 0 || Authority(fields.host).map({ GatewayConfiguration.isLoopback($0) }) ?? false
            else {
                throw Problem(
                    .forbidden,
                    "This port answers to localhost and 127.0.0.1 only.",
                    rejection: .host
                )
            }
            guard OperationsPort.has(RequestTarget(head.uri).path) else { throw OperationsPort.notHere }
            return .operations
        }
        return authenticator.principal(
            of: &head,
            fields,
            from: arrival.peer,
            isFromTrustedPage: access.isFromTrustedPage(method, fields, isSecure: isSecure)
        )
    }

    /// Whether a request to the router comes from a page that may use what the browser keeps for this server. Without keys
    /// nobody asks.
    func isFromTrustedPage(_ request: IncomingRequest, _ arrival: Arrival) -> Bool {
        guard authenticator.keys != nil else { return false }
        let head = request.head
        return access.isFromTrustedPage(
            head.method,
            AccessFields(head.headers),
            isSecure: isSecure(head, arrival)
        )
    }

    private func isSecure(_ head: HTTPRequestHead, _ arrival: Arrival) -> Bool {
        strangers.proxies.isSecure(head.headers, peer: arrival.peer) ?? arrival.isSecure
    }

    /// Why a stream is not begun now.
    var reasonToWait: String {
        isOverLimit ? "too many \(excess)" : "the server stops, or too many come from this address"
    }

    private var tooMany: Problem {
        Problem(
            .serviceUnavailable,
            "Too many \(excess). Try again in a moment.",
            headers: [.retryAfter: "5"],
            rejection: .connections
        )
    }

    /// What there is too much of.
    private var excess: String {
        typealias Settings = GatewayConfiguration.Settings
        return
            counters.connections.value > limits.connections
            ? "connections are open (\(Settings.maxConnections) \(limits.connections))"
            : "streams of HTTP/2 are open (\(Settings.maxHTTP2Streams) \(limits.http2.streams))"
    }

    /// Whether what the head asks for is known here.
    private static func checkUnderstood(_ head: HTTPRequestHead) throws(Problem) {
        for expectation in head.headers[canonicalForm: "expect"]
        where !expectation.utf8.isEqual(ignoringCase: "100-continue".utf8) {
            throw Problem(.expectationFailed, "The only expectation that is understood is 100-continue.")
        }
        try checkCodings(head)
    }

    /// No coding but chunks is known: what comes in another would be stored as it is.
    private static func checkCodings(_ head: HTTPRequestHead) throws(Problem) {
        if let coding = head.headers.first(name: "transfer-encoding"), coding.trimmed.lowercased() != "chunked" {
            throw .notImplemented("The transfer coding \(coding.quotedForPeople)")
        }
        // A list (RFC 9110 §8.4): each of them has to be undone.
        for coding in head.headers[canonicalForm: "content-encoding"]
        where !coding.isEmpty && !coding.utf8.isEqual(ignoringCase: "identity".utf8) {
            throw Problem(
                .unsupportedMediaType,
                "The body comes as \(String(coding).quotedForPeople), and is understood only as it is: send it without "
                    + "Content-Encoding."
            )
        }
    }

    private func bodyLimit(of route: LoopRoute?, _ method: HTTPMethod, _ kind: PublishRequest.BodyKind?) -> Int {
        switch route {
        case .publish?: kind == .text ? limits.messageBytes : limits.bodyBytes
        case .publishBatch?: limits.batchBytes
        case .stream?, .streamOfGroups?, .poll?, .granted?, .socket?, .accepted?, .wholeServer?: 64 << 10
        // Forms of applications. No other request to the router has a body that somebody reads.
        case nil: method == .POST ? limits.bodyBytes : 64 << 10
        }
    }
}

extension HTTPRequestHead {
    /// What its target and fields take.
    fileprivate var fieldBytes: Int {
        headers.reduce(uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }
}

extension Problem {
    static func headTooLarge(_ limits: GatewayLimits) -> Problem {
        Problem(
            .requestHeaderFieldsTooLarge,
            "The address and the header fields are too large: at most \(limits.headerBytes) bytes are allowed "
                + "(\(GatewayConfiguration.Settings.maxHeaderSize))."
        )
    }
}
