public import HTTPTypes
public import Hummingbird
import NIOCore
import ServiceLifecycle

/// An event stream of a program's own events, for `EventSource`: return it from a route.
///
/// It sets the fields of an event stream's head, begins with `retry:`, says a comment where nothing was sent for a while, and
/// writes each event as it is made. In the gateway it is a ``StreamingResponse`` in everything else. When the server stops, it
/// ends with `retry:` and a whole body, so that the client comes back; the sequence is cancelled. When the sequence fails, a
/// comment says so before the response breaks off.
///
/// For what is published to groups, a ``StreamRoute`` is better: it resumes, and costs no task. This one is for events that are
/// made for one client, and works in any Hummingbird server.
public struct EventStreamResponse: ResponseGenerator, Sendable {
    /// What is added to the fields of an event stream's head.
    public var headers: HTTPFields
    private let heartbeat: Duration
    private let retry: ClosedRange<Duration>
    private let makeEvents: @Sendable (EventTurns) async -> Void

    /// - Parameters:
    ///   - headers: Take the place of those of the same name.
    ///   - heartbeat: A comment comes where nothing was sent for so long; at least a millisecond.
    ///   - retry: When clients come back; drawn anew for each, so that they do not all come at once.
    public init<Events: AsyncSequence & Sendable>(
        _ events: Events,
        headers: HTTPFields = [:],
        heartbeat: Duration = .seconds(15),
        retry: ClosedRange<Duration> = .seconds(2) ... .seconds(4)
    ) where Events.Element == ServerSentEvent {
        (self.headers, self.heartbeat, self.retry) = (headers, max(heartbeat, .milliseconds(1)), retry)
        makeEvents = { turns in
            do {
                for try await event in events {
                    await turns.give(event.bytes)
                    if Task.isCancelled { break }
                }
                turns.end(.finished)
            } catch {
                turns.end(.failed(error))
            }
        }
    }

    public func response(from request: Request, context: some RequestContext) -> Response {
        var fields = StreamHead.fields(of: .plain, isNegotiated: false)
        for field in headers { fields[field.name] = nil }
        for field in headers { fields.append(field) }
        let body = ResponseBody { writer in
            try await write(to: &writer)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: fields, body: body)
    }

    private var retryLine: ByteBuffer {
        func milliseconds(_ duration: Duration) -> Int { Int(clamping: TimeAmount(duration).nanoseconds / 1_000_000) }
        let range = max(0, milliseconds(retry.lowerBound))...max(0, milliseconds(retry.upperBound))
        return EventFormat.plain.ending(retryMilliseconds: .random(in: range))
    }

    private func write(to writer: inout any ResponseBodyWriter) async throws {
        try await writer.write(retryLine)
        let turns = EventTurns(now: .now)
        let ending = ServerEnding.current
        let listener = ending?.listen { turns.end(.stopped) }
        defer { if let listener { ending?.forget(listener) } }
        try await withTaskCancellationHandler {
            // In another server, which runs as a service.
            try await withGracefulShutdownHandler {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { [makeEvents] in await makeEvents(turns) }
                    tasks.addTask { [heartbeat] in
                        var next = ContinuousClock.now + heartbeat
                        while true {
                            try await Task.sleep(until: next, clock: .continuous)
                            next = turns.tick(heartbeat, now: .now)
                        }
                    }
                    defer {
                        turns.close()
                        tasks.cancelAll()
                    }
                    try await write(turns, to: &writer)
                }
            } onGracefulShutdown: {
                turns.end(.stopped)
            }
        } onCancel: {
            turns.end(.failed(CancellationError()))
        }
    }

    private func write(_ turns: EventTurns, to writer: inout any ResponseBodyWriter) async throws {
        while true {
            switch await turns.next(now: .now) {
            case .event(let bytes): try await writer.write(bytes)
            case .heartbeat: try await writer.write(EventFormat.plain.heartbeat)
            case .end(.finished): return
            case .end(.stopped): return try await writer.write(retryLine)
            case .end(.failed(let error)):
                if !(error is CancellationError) { try await writer.write(Self.failure) }
                throw error
            }
        }
    }

    /// For people who look at it. What went wrong is in the log.
    private static let failure = ByteBuffer(string: ": the stream has failed: the server's log says why\n\n")
}
