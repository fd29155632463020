import Testing

@testable import NotifyClient

struct SubscriptionStateMachineTests {
    typealias Machine = SubscriptionStateMachine

    static let server: ServerAddress = {
        guard let server = try? ServerAddress("http://127.0.0.1:8080") else { preconditionFailure() }
        return server
    }()

    var machine = Machine(schedule: ReconnectSchedule(), waitsForServer: false)

    private static let lost = NotifyClientError(.connectionLost, "lost")

    private static func event(_ name: String, id: String, data: String = "{}") -> ServerSentEventParser.Element {
        .event(ServerSentEvent(id: id, event: name, data: data))
    }

    private static func message(_ id: String?) -> ServerSentEventParser.Element {
        let field = id.map { "\"id\":\"\($0)\"," } ?? ""
        let data = "{\(field)\"group\":\"g\",\"event\":\"message\",\"data\":\"d\",\"created_at\":\"t\"}"
        return event("message", id: id ?? "", data: data)
    }

    /// The ids of what is delivered, in words.
    private mutating func receive(_ elements: ServerSentEventParser.Element...) -> [String] {
        elements.map { element in
            switch machine.received(element, server: Self.server) {
            case .none: "-"
            case .message(let message): message.id ?? "no id"
            case .status(.connected(let resumed)): resumed ? "resumed" : "connected"
            case .status(.disconnected): "disconnected"
            case .status(.reset(let reset)): "reset \(reset.reason)"
            case .fail(let error): "fail \(error.code)"
            }
        }
    }

    private mutating func answer() {
        _ = machine.answered(status: 200, contentType: "text/event-stream", server: Self.server)
    }

    /// What the next connection resumes from.
    private mutating func cursor() -> String? {
        guard case .connect(let id) = machine.waited() else { return "no connect" }
        return id
    }

    private mutating func delay(random: Double = 0) -> Duration? {
        guard case .wait(let delay, _) = machine.failed(Self.lost, random: random) else { return nil }
        return delay
    }

    @Test mutating func `the position of stream-open is kept, then that of each message`() {
        #expect(cursor() == nil)
        answer()
        #expect(receive(Self.event("stream-open", id: "e-7")) == ["connected"])
        #expect(cursor() == "e-7")
        #expect(receive(Self.message("e-8"), Self.message("e-9")) == ["e-8", "e-9"])
        #expect(cursor() == "e-9")
    }

    @Test mutating func `messages that come again are dropped`() {
        #expect(
            receive(
                Self.event("stream-open", id: "e-7"),
                Self.message("e-7"),
                Self.message("e-8"),
                Self.message("e-8"),
                Self.message("e-3"),
                Self.message("e-10"),
                Self.message("e-9"),
                Self.message("e-11")
            ) == ["connected", "-", "e-8", "-", "-", "e-10", "-", "e-11"]
        )
    }

    @Test mutating func `a message without an id is delivered and moves nothing`() {
        #expect(
            receive(Self.event("stream-open", id: "e-7"), Self.message(nil), Self.message(nil))
                == ["connected", "no id", "no id"]
        )
        #expect(cursor() == "e-7")
    }

    @Test mutating func `a reset moves the position, also backward and to another epoch`() {
        let reset = Self.event("stream-reset", id: "e-5", data: #"{"reason":"future","oldest":null}"#)
        _ = receive(Self.event("stream-open", id: "e-9"))
        let seen = receive(Self.event("stream-open", id: "e-5"), reset, Self.message("e-6"))
        #expect(seen == ["resumed", "reset future", "e-6"])
        let other = Self.event("stream-reset", id: "f-1", data: #"{"reason":"unknown-epoch"}"#)
        #expect(receive(other, Self.message("f-2")) == ["reset unknown-epoch", "f-2"])
        #expect(cursor() == "f-2")
    }

    @Test mutating func `a connection that breaks between stream-open and stream-reset does not hide the reset`() {
        _ = receive(Self.event("stream-open", id: "e-9"), Self.message("e-10"))
        _ = receive(Self.event("stream-open", id: "f-3"))
        #expect(cursor() == "e-10")
    }

    @Test mutating func `events of a later server are passed over`() {
        let seen = receive(Self.event("stream-open", id: "e-1"), Self.event("stream-news", id: "e-2"))
        #expect(seen == ["connected", "-"])
        #expect(cursor() == "e-2")
    }

    @Test mutating func `an event without an envelope ends it`() {
        #expect(receive(Self.event("message", id: "1", data: "plain")) == ["fail invalidResponse"])
    }

    @Test mutating func `a server that never answered is an error, one that went away is waited for`() {
        let refused = NotifyClientError(.unreachable, "refused")
        guard case .fail = machine.failed(refused, random: 0) else {
            Issue.record("should fail")
            return
        }
        answer()
        guard case .wait = machine.failed(refused, random: 0) else {
            Issue.record("should wait")
            return
        }
    }

    @Test mutating func `a client that is told to wait for its server does`() {
        machine = Machine(schedule: ReconnectSchedule(), waitsForServer: true)
        #expect(delay() == .seconds(3))
    }

    @Test(arguments: [NotifyClientError.Code.refused, .invalidResponse, .eventTooLarge, .closed, .invalidArgument])
    mutating func `what no repetition mends ends it`(code: NotifyClientError.Code) {
        answer()
        guard case .fail(let error) = machine.failed(NotifyClientError(code, "x"), random: 0) else {
            Issue.record("should fail")
            return
        }
        #expect(error.code == code)
    }

    @Test mutating func `204 ends it, another type is an error`() {
        guard case .finish = machine.answered(status: 204, contentType: nil, server: Self.server) else {
            Issue.record("should finish")
            return
        }
        for type in ["text/html", nil] {
            guard case .fail = machine.answered(status: 200, contentType: type, server: Self.server) else {
                Issue.record("should fail")
                return
            }
        }
        let type = "Text/Event-Stream; charset=utf-8"
        guard case .read = machine.answered(status: 200, contentType: type, server: Self.server) else {
            Issue.record("should read")
            return
        }
    }

    @Test mutating func `waits double up to the cap, and begin anew once a stream is open`() {
        answer()
        #expect((0..<5).map { _ in delay() } == [3, 6, 12, 24, 30].map { .seconds($0) })
        #expect(delay() == .seconds(30))
        _ = receive(Self.event("stream-open", id: "e-1"))
        #expect(delay() == .seconds(3))
    }

    @Test mutating func `the wait is what the server asks for, and up to a quarter more`() {
        answer()
        _ = receive(.retry(milliseconds: 2873))
        #expect(delay() == .milliseconds(2873))
        _ = receive(Self.event("stream-open", id: "e-1"), .retry(milliseconds: 4000))
        #expect(delay(random: 0.5) == .milliseconds(4500))
    }

    @Test mutating func `a wait over the cap is honoured, up to a bound`() {
        answer()
        _ = receive(.retry(milliseconds: 60_000))
        #expect(delay() == .seconds(60))
        #expect(delay() == .seconds(60))
        _ = receive(.retry(milliseconds: .max))
        #expect(delay() == ReconnectSchedule.longestRetry)
    }

    @Test mutating func `a thousand failures do not overflow`() {
        answer()
        for _ in 0..<1000 { #expect(delay(random: 0.999) ?? .seconds(99) <= .milliseconds(37_500)) }
    }
}
