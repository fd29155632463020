import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTP1

/// The life of a connection: which part of a request comes next, what is refused, when it is closed. A pure state machine:
/// it is told what came, and asked what to do (``next()``) until there is nothing; the handler does it.
///
/// One request at a time is gathered and answered. What a client sends meanwhile (pipelining) waits here, and nothing more is
/// read until it has its turn.
struct RequestLoop {
    private enum State {
        /// Waits for a request; whether bytes of a head have come that is not whole yet.
        case idle(headBegan: Bool)
        /// A head has come, and is being judged, which may take a while.
        case admitting
        case receiving(IncomingRequest)
        case responding(Responding)
        /// Answered for the last time: waits until the client has taken it.
        case lingering
        /// The response is an event stream.
        case streaming
        case closed
    }

    private struct Responding {
        let head: HTTPRequestHead
        /// Whether the rest of the request was not waited for.
        let isRefusal: Bool
    }

    private let limits: Limits
    private var state = State.idle(headBegan: false)
    private var deadline: NIODeadline
    /// When the head of the request that is received was there.
    private var bodyBegan: NIODeadline
    /// Input that had no turn yet.
    private var waiting: Deque<HTTPServerRequestPart> = []
    private var isReadHeld = false
    /// Whether the client has not taken its last answer yet: the next request waits for that, so that a connection never
    /// holds more than one answer.
    private var isFull = false
    private var failure: Problem?
    private(set) var inputIsClosed = false
    /// Whether the client has closed its side after its last answer.
    private var closesNow = false
    private var isClosing = false
    /// Whether the parser has stopped: after a request that asks for another protocol it waits for a handler of that one.
    /// We speak none (RFC 9110 §7.8 lets a server ignore `Upgrade`). Nor does it go on after a trailer `Connection`. The
    /// answer is the connection's last.
    private var hasParserStopped = false
    private var partsCame = false
    /// Whether no request has come yet.
    private var isFresh = true
    private var slowAnswer = SlowAnswer()

    init(limits: Limits, now: NIODeadline) {
        self.limits = limits
        deadline = now + limits.headTimeout
        bodyBegan = now
    }

    // MARK: What came

    /// A part of a request.
    mutating func received(_ part: HTTPServerRequestPart) {
        partsCame = true
        switch state {
        case .idle, .admitting, .receiving, .responding: waiting.append(part)
        case .lingering, .streaming, .closed: break
        }
    }

    /// All that was read at once has been told.
    mutating func readCompleted(now: @autoclosure () -> NIODeadline) {
        // Bytes came that made no part: a head has begun.
        if case .idle(headBegan: false) = state, !partsCame {
            state = .idle(headBegan: true)
            deadline = min(deadline, now() + limits.headTimeout)
        }
        partsCame = false
    }

    /// The connection asks whether to read on. Held back only once something waits: not to read, and to read again, costs two
    /// system calls a request.
    mutating func mayRead() -> Bool {
        switch state {
        case .idle, .admitting, .receiving, .responding: isReadHeld = !takesParts && !waiting.isEmpty
        case .lingering, .streaming, .closed: isReadHeld = false
        }
        return !isReadHeld
    }

    /// The client has closed its side.
    mutating func inputClosed() {
        inputIsClosed = true
        if case .lingering = state { closesNow = true }
    }

    /// The bytes that came are no request.
    mutating func failed(_ problem: Problem) {
        failure = problem
    }

    /// The server stops: what is being answered is finished, and so is what has begun to come. A client that has just
    /// connected is given a moment: its first request is on its way, and it would take a close for a refusal.
    mutating func shutDown(now: NIODeadline) {
        isClosing = true
        if awaitsFirstRequest { deadline = min(deadline, now + Self.firstRequestTime) }
    }

    private var awaitsFirstRequest: Bool {
        if case .idle = state { isFresh && !inputIsClosed } else { false }
    }

    /// The client takes answers again.
    mutating func becameWritable() {
        isFull = false
    }

    mutating func closed() {
        state = .closed
        waiting = []
    }

    /// A new connection is one too many: its first answer is its last.
    mutating func closeAfterThis() {
        isClosing = true
    }

    // MARK: What to do

    /// Whether a part of a request can be taken now.
    private var takesParts: Bool {
        switch state {
        case .idle, .receiving: !isFull
        case .admitting, .responding, .lingering, .streaming, .closed: false
        }
    }

    /// The request that is being answered.
    var beingAnswered: HTTPRequestHead? {
        if case .responding(let responding) = state { responding.head } else { nil }
    }

    /// Whether what is answered is a refusal, for which the rest of the request was not waited.
    var isRefusal: Bool {
        if case .responding(let responding) = state { responding.isRefusal } else { false }
    }

    /// Whether the next answer is the last in any case.
    var isEnding: Bool { isClosing }

    /// What to do next; nil until something comes.
    mutating func next(now: @autoclosure () -> NIODeadline) -> Action? {
        while takesParts, let part = waiting.popFirst() {
            if let action = receive(part, now) { return action }
        }
        switch state {
        case .idle, .receiving:
            if isClosing, case .idle(let headBegan) = state, !headBegan, !awaitsFirstRequest { return closeWhenSent() }
            // What came before a failure is answered first.
            guard !isFull else { return nil }
            if let failure { return refuse(failure, nil) }
            if inputIsClosed { return closeWhenSent() }
            guard isReadHeld else { return nil }
            isReadHeld = false
            return .read
        case .lingering where failure != nil, .streaming where failure != nil || inputIsClosed:
            state = .closed
            return .close
        case .lingering where closesNow:
            closesNow = false
            return .closeWhenSent
        case .streaming where isReadHeld:
            isReadHeld = false
            return .read
        case .admitting, .responding, .lingering, .streaming, .closed:
            return nil
        }
    }

    private mutating func closeWhenSent() -> Action {
        state = .lingering
        return .closeWhenSent
    }

    /// Of the request whose body is awaited.
    private var receivedHead: HTTPRequestHead? {
        if case .receiving(let request) = state { request.head } else { nil }
    }

    private mutating func refuse(_ problem: Problem, _ request: IncomingRequest?) -> Action {
        let head = request?.head ?? receivedHead ?? HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
        state = .responding(Responding(head: head, isRefusal: true))
        isClosing = true
        waiting = []
        failure = nil
        return .refuse(problem, request)
    }

    private mutating func receive(_ part: HTTPServerRequestPart, _ now: () -> NIODeadline) -> Action? {
        switch (state, part) {
        case (.idle, .head(let head)):
            isFresh = false
            state = .admitting
            hasParserStopped = head.method == .CONNECT || head.headers.contains(name: "upgrade")
            return .admit(head)
        case (.receiving(let request), .body(let bytes)):
            guard !request.isRefused else { return nil }
            do throws(Problem) { try request.take(bytes) } catch { return refuse(error, request) }
            deadline = min(
                now() + limits.bodyTimeout,
                bodyBegan + limits.bodyTimeout + earned(by: request.received)
            )
            return nil
        case (.receiving(let request), .end(let trailers)):
            // The parser takes it for the header of that name, and reads nothing more.
            if trailers?.contains(name: "connection") ?? false { hasParserStopped = true }
            state = .responding(Responding(head: request.head, isRefusal: false))
            return .answer(request)
        default:
            return nil
        }
    }

    /// The time that so many bytes of a body may take, at the least rate.
    private func earned(by bytes: Int) -> TimeAmount {
        .nanoseconds(Int64(min(Double(bytes) / Double(limits.bodyRate) * 1e9, 1e18)))
    }

    /// A head was judged; the connection may be closed by now.
    ///
    /// - Returns: What to do at once.
    mutating func admitted(_ request: IncomingRequest, now: NIODeadline) -> Action? {
        guard case .admitting = state else { return nil }
        deadline = now + limits.bodyTimeout
        bodyBegan = now
        if let problem = request.problem ?? request.laterProblem {
            // A body that is not wanted is not waited for.
            if request.announcesBody { return refuse(problem, request) }
        } else if let bytes = request.announcedBytes, bytes > request.bodyLimit {
            return refuse(request.tooLarge, request)
        } else if request.expectsContinue {
            state = .receiving(request)
            return .sendContinue
        }
        state = .receiving(request)
        return nil
    }

    // MARK: Answers

    /// What becomes of the connection after an answer with this status.
    func ending(after status: HTTPResponse.Status) -> Ending {
        guard case .responding(let responding) = state else { return .closes }
        // A client that closed its side, or sent garbage, still gets what it asked for before that.
        let isLast = inputIsClosed && waiting.isEmpty && failure == nil
        let goesOn =
            responding.head.isKeepAlive && !isClosing && !hasParserStopped && !isLast && status != .contentTooLarge
            && !responding.head.isMisframed
        if goesOn { return .goesOn }
        return responding.isRefusal && !inputIsClosed ? .lingers : .closes
    }

    /// The answer is written.
    ///
    /// - Parameter isFull: Whether the client has not taken enough of it for another.
    mutating func answered(_ ending: Ending, isFull: Bool, now: NIODeadline) {
        // Writing can end the connection.
        guard case .responding = state else { return }
        switch ending {
        case .goesOn:
            state = .idle(headBegan: false)
            deadline = now + limits.idleTimeout
            self.isFull = isFull
        case .closes, .lingers:
            state = .lingering
            deadline = now + Self.lingerTime
        }
    }

    /// The response is a stream.
    mutating func beganStream() {
        guard case .responding = state else { return }
        state = .streaming
        waiting = []
    }

    // MARK: Time

    /// - Parameter waitingBytes: What of the answers the client has not taken.
    mutating func tick(_ now: NIODeadline, waitingBytes: @autoclosure () -> Int) -> Action? {
        guard now >= deadline else { return nil }
        switch state {
        case .admitting, .responding, .streaming, .closed:
            return nil
        case .idle(headBegan: false), .lingering:
            let again = slowAnswer.look(now, waitingBytes: waitingBytes(), limits.stallTimeout)
            guard again else { return .close }
            deadline = now + min(limits.idleTimeout, limits.stallTimeout)
            return nil
        case .idle, .receiving:
            let isBody = if case .receiving = state { true } else { false }
            return refuse(.late(isBody: isBody), nil)
        }
    }
}
