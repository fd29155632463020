import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Does what ``SubscriptionStateMachine`` says. Used by one task at a time, as iterators are.
///
/// It has no task of its own: all happens in the consumer's call of `next()`, so the consumer's pace is the socket's, and
/// cancelling the consumer cancels the request.
final class SubscriptionReader {
    private let subscription: Subscription
    private var machine: SubscriptionStateMachine
    private var action: SubscriptionStateMachine.Action
    private var parser = ServerSentEventParser()
    private var body: ResponseBody?

    private var transport: Transport { subscription.transport }
    private var server: ServerAddress { subscription.transport.server }

    init(_ subscription: Subscription) {
        let configuration = subscription.transport.configuration
        self.subscription = subscription
        machine = SubscriptionStateMachine(
            schedule: configuration.reconnect,
            waitsForServer: configuration.waitsForServer
        )
        action = machine.started()
    }

    func next() async throws -> ReceivedMessage? {
        do {
            return try await nextMessage()
        } catch {
            body = nil
            action = .finish
            throw error
        }
    }

    private func nextMessage() async throws -> ReceivedMessage? {
        while true {
            try Task.checkCancellation()
            switch action {
            case .connect(let lastEventID):
                action = try await connect(lastEventID: lastEventID)
            case .read:
                if let message = try await read() { return message }
            case .wait(let delay, let error):
                body = nil
                subscription.onStatus(.disconnected(error, retryingIn: delay))
                try await Task.sleep(for: delay)
                action = machine.waited()
            case .fail(let error):
                throw error
            case .finish:
                body = nil
                return nil
            }
        }
    }

    private func connect(lastEventID: String?) async throws -> SubscriptionStateMachine.Action {
        do {
            let response = try await transport.open(request(lastEventID: lastEventID))
            guard response.status == .ok || response.status == .noContent else {
                throw try await transport.refusal(in: response)
            }
            parser = ServerSentEventParser(maximumEventSize: transport.configuration.maximumEventSize)
            body = ResponseBody(response.body)
            return machine.answered(
                status: Int(response.status.code),
                contentType: response.headers.first(name: "content-type"),
                server: server
            )
        } catch let error as NotifyClientError {
            return machine.failed(error, random: .random(in: 0..<1))
        }
    }

    private func request(lastEventID: String?) -> HTTPClientRequest {
        let groups = subscription.groups
        // The header would win over `since`; without an id of its own the stream begins where it was asked to.
        let rest = (lastEventID == nil ? subscription.start.query : []) + [("envelope", "json")]
        let topics = groups.map { ("group", $0) } + subscription.patterns.map { ("match", $0) }
        var request =
            groups.count == 1 && subscription.patterns.isEmpty
            ? transport.request(path: ["groups", groups[0], "events"], query: rest)
            : transport.request(path: ["events"], query: topics + rest)
        request.headers.add(name: "accept", value: "text/event-stream")
        if let lastEventID {
            request.headers.add(name: "last-event-id", value: lastEventID)
        }
        return request
    }

    /// The next message of what has come; nil when something else is to be looked at first.
    private func read() async throws -> ReceivedMessage? {
        guard let element = try parser.next() else {
            do {
                parser.feed(try await nextBytes())
            } catch let error as NotifyClientError {
                action = machine.failed(error, random: .random(in: 0..<1))
            }
            return nil
        }
        switch machine.received(element, server: server) {
        case .none: return nil
        case .message(let message): return message
        case .status(let status): subscription.onStatus(status)
        case .fail(let error): action = .fail(error)
        }
        return nil
    }

    private func nextBytes() async throws -> ByteBuffer {
        let limit = transport.configuration.silenceLimit
        let silence = NotifyClientError(
            .connectionLost,
            "\(server) has been silent for \(limit): the connection is taken as dead."
        )
        do {
            guard let body else { throw NotifyClientError.connectionLost(server) }
            guard let bytes = try await withTimeLimit(limit, else: silence, { try await body.next() }) else {
                try Task.checkCancellation()
                throw NotifyClientError(.connectionLost, "\(server) ended the stream.")
            }
            return bytes
        } catch {
            try Task.checkCancellation()
            throw transport.isClosed ? NotifyClientError.closed : NotifyClientError.transport(error, server: server)
        }
    }
}

/// The body of an answer, piece by piece.
///
/// `@unchecked Sendable`: ``withTimeLimit(_:else:_:)`` reads it in a child task, and returns only after that task has
/// ended; the reader calls it from one task at a time. So no two calls of `next()` overlap.
private final class ResponseBody: @unchecked Sendable {
    private var iterator: HTTPClientResponse.Body.AsyncIterator

    init(_ body: HTTPClientResponse.Body) {
        iterator = body.makeAsyncIterator()
    }

    func next() async throws -> ByteBuffer? {
        try await iterator.next()
    }
}
