/// What a subscription does when: connect, read, wait, give up; and which messages are new.
///
/// Pure: time, randomness and IO are the shell's (``SubscriptionReader``).
struct SubscriptionStateMachine {
    /// Event names that begin so are the server's own.
    static let serverEventPrefix = "stream-"

    enum Action: Sendable {
        /// Ask for the stream; with an id, from there, else from the subscription's start.
        case connect(lastEventID: String?)
        case read
        case wait(Duration, because: NotifyClientError)
        case fail(NotifyClientError)
        case finish
    }

    enum Delivery: Sendable {
        case none
        case message(ReceivedMessage)
        case status(SubscriptionStatus)
        case fail(NotifyClientError)
    }

    private let schedule: ReconnectSchedule
    private let waitsForServer: Bool

    /// Everything up to here was handed on. Nil before the first stream is open.
    private var cursor: String?
    /// Whether a connection brought a stream yet: before that, a failure is most likely a mistake in the address.
    private var wasReached = false
    private var wasOpened = false
    private var failures = 0
    private var retry: Duration?

    init(schedule: ReconnectSchedule, waitsForServer: Bool) {
        self.schedule = schedule
        self.waitsForServer = waitsForServer
    }

    func started() -> Action { .connect(lastEventID: cursor) }

    /// The head of an answer with a status that opens a stream, or ends it without an error.
    mutating func answered(status: Int, contentType: String?, server: ServerAddress) -> Action {
        // §9.2.3: 204 tells a client to stop.
        guard status != 204 else { return .finish }
        let type = contentType?.split(separator: ";").first.map { $0.lowercased().filter { $0 != " " } }
        guard type == "text/event-stream" else {
            return .fail(
                NotifyClientError(
                    .invalidResponse,
                    "\(server) answered no event stream: check that the address leads to a Notify server.",
                    status: status
                )
            )
        }
        wasReached = true
        return .read
    }

    /// No connection, a refusal, a broken or silent connection, an end of the stream.
    mutating func failed(_ error: NotifyClientError, random: Double) -> Action {
        switch error.code {
        case .unreachable, .timedOut, .serverFailed, .connectionLost:
            guard wasReached || waitsForServer else { return .fail(error) }
        default:
            return .fail(error)
        }
        let delay = schedule.delay(failures: failures, retry: retry, random: random)
        failures += 1
        return .wait(delay, because: error)
    }

    func waited() -> Action { .connect(lastEventID: cursor) }

    mutating func received(_ element: ServerSentEventParser.Element, server: ServerAddress) -> Delivery {
        switch element {
        case .comment:
            return .none
        case .retry(let milliseconds):
            retry = min(.milliseconds(min(milliseconds, 1_000_000_000)), ReconnectSchedule.longestRetry)
            return .none
        case .event(let event) where event.event == "stream-open":
            return opened(event)
        case .event(let event) where event.event == "stream-reset":
            if !event.id.isEmpty { cursor = event.id }
            return .status(.reset(StreamReset(data: event.data)))
        case .event(let event) where event.event.utf8.starts(with: Self.serverEventPrefix.utf8):
            // From a later server: unknown, but its position is one.
            if !event.id.isEmpty, isNew(event.id) { cursor = event.id }
            return .none
        case .event(let event):
            return message(event, server: server)
        }
    }

    private mutating func opened(_ event: ServerSentEvent) -> Delivery {
        let resumed = wasOpened
        wasOpened = true
        failures = 0
        // On a resume the position is our own, or a reset follows. Keeping another one before that reset was seen would
        // hide the gap if the connection broke between the two.
        if cursor == nil, !event.id.isEmpty { cursor = event.id }
        return .status(.connected(resumed: resumed))
    }

    private mutating func message(_ event: ServerSentEvent, server: ServerAddress) -> Delivery {
        guard let message = ReceivedMessage(envelope: event.data) else {
            return .fail(
                NotifyClientError(
                    .invalidResponse,
                    "\(server) sent an event that is no message of a Notify server: check the address."
                )
            )
        }
        // A message that was not stored has no id and moves nothing.
        guard let id = message.id else { return .message(message) }
        guard isNew(id) else { return .none }
        cursor = id
        return .message(message)
    }

    /// A defence against a server or proxy that repeats: ids only grow within an epoch. A reset moves the cursor, also
    /// backward, so it never stands in the way of what follows it.
    private func isNew(_ id: String) -> Bool {
        guard let cursor else { return true }
        guard let last = Position(cursor), let position = Position(id), last.epoch == position.epoch else {
            return id != cursor
        }
        return position.sequence > last.sequence
    }

    private struct Position {
        let epoch: Substring
        let sequence: Int64

        init?(_ id: String) {
            let parts = id.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let sequence = Int64(parts[1]) else { return nil }
            epoch = parts[0]
            self.sequence = sequence
        }
    }
}
