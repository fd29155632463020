import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

/// A connection's decisions, without a socket.
struct RequestLoopTests {
    /// A loop, its clock, and what it wanted done.
    private struct Bench {
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var loop: RequestLoop
        var requests: [IncomingRequest] = []
        var waitingBytes = 0
        /// Requests are judged later, by ``judge()``.
        var holdsJudgement = false
        private var unjudged: IncomingRequest?

        init() {
            loop = RequestLoop(
                limits: .init(
                    headTimeout: .seconds(10),
                    bodyTimeout: .seconds(30),
                    bodyRate: 1000,
                    idleTimeout: .seconds(75),
                    stallTimeout: .seconds(600)
                ),
                now: now
            )
        }

        mutating func send(_ parts: HTTPServerRequestPart...) -> [String] {
            for part in parts { loop.received(part) }
            return run()
        }

        mutating func get(_ fields: HTTPHeaders = [:], version: HTTPVersion = .http1_1) -> [String] {
            send(.head(HTTPRequestHead(version: version, method: .GET, uri: "/healthz", headers: fields)), .end(nil))
        }

        /// Does what there is to do, and names it.
        mutating func run() -> [String] {
            var done: [String] = []
            while let action = loop.next(now: now) { done += perform(action) }
            return done
        }

        mutating func perform(_ action: RequestLoop.Action) -> [String] {
            switch action {
            case .admit(let head):
                let request = IncomingRequest(
                    head: head,
                    target: RequestTarget(head.uri),
                    route: nil,
                    principal: .open(AccessTerms()),
                    bodyLimit: 10_000
                )
                guard !holdsJudgement else {
                    unjudged = request
                    return ["admit"]
                }
                return loop.admitted(request, now: now).map { perform($0) } ?? []
            case .sendContinue: return ["continue"]
            case .answer(let request):
                requests.append(request)
                return ["answer"]
            case .refuse(let problem, _): return ["refuse \(problem.status.code)"]
            case .read: return ["read"]
            case .closeWhenSent: return ["close when sent"]
            case .close: return ["close"]
            }
        }

        mutating func judge() -> [String] {
            guard let request = unjudged else { return [] }
            unjudged = nil
            return (loop.admitted(request, now: now).map { perform($0) } ?? []) + run()
        }

        mutating func tick(after time: TimeAmount) -> [String] {
            now = now + time
            let bytes = waitingBytes
            return loop.tick(now, waitingBytes: bytes).map { perform($0) } ?? []
        }

        /// The answer to the request that was last to be answered.
        mutating func answer(_ status: HTTPResponse.Status = .ok, isFull: Bool = false) -> (
            RequestLoop.Ending, [String]
        ) {
            let ending = loop.ending(after: status)
            loop.answered(ending, isFull: isFull, now: now)
            return (ending, run())
        }
    }

    private static func post(_ fields: HTTPHeaders) -> HTTPServerRequestPart {
        .head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/messages", headers: fields))
    }

    @Test func `one request after the other, each answered before the next is looked at`() {
        var bench = Bench()
        let first = bench.get()
        let second = bench.get()
        #expect(first == ["answer"] && second.isEmpty)
        let mayRead = bench.loop.mayRead()
        #expect(!mayRead)
        let (ending, next) = bench.answer()
        #expect(ending == .goesOn && next == ["answer"])
        let (_, last) = bench.answer()
        // What was held back is read now.
        #expect(last == ["read"])
        #expect(bench.requests.count == 2)
    }

    @Test func `what comes while a head is judged waits`() {
        var bench = Bench()
        bench.holdsJudgement = true
        let first = bench.send(Self.post(["content-length": "1"]), .body(ByteBuffer(string: "x")), .end(nil))
        #expect(first == ["admit"])
        let (nothing, late) = (bench.run(), bench.tick(after: .seconds(100)))
        #expect(nothing.isEmpty && late.isEmpty)
        let judged = bench.judge()
        #expect(judged == ["answer"])
        #expect(bench.requests.first?.received == 1)
    }

    @Test func `a head that is judged after the connection was closed is not answered`() {
        var bench = Bench()
        bench.holdsJudgement = true
        _ = bench.get()
        bench.loop.closed()
        let judged = bench.judge()
        #expect(judged.isEmpty)
    }

    @Test func `garbage does not take the place of a request that waits for the last answer to be taken`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.get()
        bench.loop.failed(Problem(.badRequest, "Garbage."))
        let (_, next) = bench.answer(isFull: true)
        #expect(next.isEmpty)
        bench.loop.becameWritable()
        let second = bench.run()
        #expect(second == ["answer"])
        let (_, last) = bench.answer()
        #expect(last == ["refuse 400"])
    }

    @Test func `the next request waits until the client has taken the last answer`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.get()
        let (ending, next) = bench.answer(isFull: true)
        #expect(ending == .goesOn && next.isEmpty)
        bench.loop.becameWritable()
        let more = bench.run()
        #expect(more == ["answer"])
    }

    @Test func `the connection goes on or closes as the request asks`() {
        let cases: [(HTTPHeaders, HTTPVersion, RequestLoop.Ending)] = [
            ([:], .http1_1, .goesOn),
            (["Connection": "close"], .http1_1, .closes),
            ([:], .http1_0, .closes),
            (["Connection": "keep-alive"], .http1_0, .goesOn),
            (["Upgrade": "websocket"], .http1_1, .closes),
            (["Connection": "keep-alive", "Transfer-Encoding": "chunked"], .http1_0, .closes),
        ]
        for (fields, version, expected) in cases {
            var bench = Bench()
            let got = bench.get(fields, version: version)
            #expect(got == ["answer"])
            let (ending, next) = bench.answer()
            #expect(ending == expected && next.isEmpty, "\(fields)")
        }
    }

    @Test func `a refused body is not waited for`() {
        var bench = Bench()
        let refused = bench.send(Self.post(["Content-Length": "10001"]), .body(ByteBuffer(string: "x")))
        #expect(refused == ["refuse 413"])
        let (ending, next) = bench.answer(.contentTooLarge)
        #expect(ending == .lingers && next.isEmpty)
        // What still comes is dropped, and never kept.
        let dropped = bench.send(.body(ByteBuffer(string: "xxx")), .end(nil))
        #expect(dropped.isEmpty)
        let early = bench.tick(after: .seconds(9))
        let late = bench.tick(after: .seconds(2))
        #expect(early.isEmpty && late == ["close"])
    }

    @Test func `a body that is expected is asked for`() {
        var bench = Bench()
        let asked = bench.send(Self.post(["Content-Length": "2", "Expect": "100-continue"]))
        #expect(asked == ["continue"])
        let whole = bench.send(.body(ByteBuffer(string: "ab")), .end(nil))
        #expect(whole == ["answer"])
        #expect(bench.requests.last?.body == ByteBuffer(string: "ab"))
    }

    @Test func `heads and bodies have their time, and a body a least rate`() {
        var bench = Bench()
        // Bytes of a head that is not whole.
        bench.loop.readCompleted(now: bench.now)
        let head = bench.tick(after: .seconds(11))
        #expect(head == ["refuse 408"])

        bench = Bench()
        let idle = bench.tick(after: .seconds(11))
        #expect(idle == ["close"])

        bench = Bench()
        _ = bench.send(Self.post(["Content-Length": "100"]))
        for _ in 0..<3 {
            bench.now = bench.now + .seconds(9)
            _ = bench.send(.body(ByteBuffer(string: "x")))
        }
        // Each byte came in time, all of them too slowly.
        let slow = bench.tick(after: .seconds(4))
        #expect(slow == ["refuse 408"])
    }

    @Test func `a body above its least rate is taken however long it takes, with one pause on top`() {
        var bench = Bench()
        _ = bench.send(Self.post(["Content-Length": "9000"]))
        bench.now = bench.now + .seconds(29)
        for _ in 0..<9 {
            let early = bench.tick(after: .milliseconds(900))
            let taken = bench.send(.body(ByteBuffer(repeating: 0x78, count: 1000)))
            #expect(early.isEmpty && taken.isEmpty)
        }
        let whole = bench.send(.end(nil))
        #expect(whole == ["answer"])
    }

    @Test func `garbage is answered after what was asked before it`() {
        var bench = Bench()
        _ = bench.get()
        bench.loop.failed(Problem(.badRequest, "garbage"))
        let nothing = bench.run()
        #expect(nothing.isEmpty)
        let (ending, next) = bench.answer()
        #expect(ending == .goesOn && next == ["refuse 400"])
        let (last, _) = bench.answer(.badRequest)
        #expect(last == .lingers)
    }

    @Test func `a client that closes its side is answered first`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.get()
        bench.loop.inputClosed()
        let nothing = bench.run()
        let (first, next) = bench.answer()
        let (second, end) = bench.answer()
        #expect(nothing.isEmpty && first == .goesOn && next == ["answer"] && second == .closes && end.isEmpty)

        bench = Bench()
        bench.loop.inputClosed()
        let idle = bench.run()
        let again = bench.run()
        #expect(idle == ["close when sent"] && again.isEmpty)
    }

    @Test func `a stop closes what waits and finishes what is answered`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.answer()
        bench.loop.shutDown(now: bench.now)
        let idle = bench.run()
        #expect(idle == ["close when sent"])

        bench = Bench()
        _ = bench.get()
        bench.loop.shutDown(now: bench.now)
        let nothing = bench.run()
        let (ending, _) = bench.answer()
        #expect(nothing.isEmpty && ending == .closes)
    }

    @Test func `a stop gives a new connection a moment for its first request`() {
        var bench = Bench()
        bench.loop.shutDown(now: bench.now)
        let waits = bench.run()
        let admitted = bench.get()
        let (ending, _) = bench.answer()
        #expect(waits.isEmpty && !admitted.isEmpty && ending == .closes)

        bench = Bench()
        bench.loop.shutDown(now: bench.now)
        let early = bench.tick(after: .milliseconds(400))
        let late = bench.tick(after: .milliseconds(100))
        #expect(early.isEmpty && late == ["close"])
    }

    @Test func `a stop waits for a head that has begun`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.answer()
        bench.loop.readCompleted(now: bench.now)
        bench.loop.readCompleted(now: bench.now)
        bench.loop.shutDown(now: bench.now)
        let waits = bench.run()
        let admitted = bench.get()
        let (ending, _) = bench.answer()
        #expect(waits.isEmpty && !admitted.isEmpty && ending == .closes)
    }

    @Test func `who takes an answer slowly keeps the connection, who takes nothing loses it`() {
        var bench = Bench()
        _ = bench.get()
        bench.waitingBytes = 1000
        _ = bench.answer(isFull: true)
        for _ in 0..<20 {
            let kept = bench.tick(after: .seconds(76))
            #expect(kept.isEmpty)
            bench.waitingBytes -= 10
        }
        bench.waitingBytes = 800
        var closed: [String] = []
        for _ in 0..<10 where closed.isEmpty { closed = bench.tick(after: .seconds(76)) }
        #expect(closed == ["close"])
    }

    @Test func `a stream reads no requests and ends with its client`() {
        var bench = Bench()
        _ = bench.get()
        _ = bench.get()
        let held = bench.loop.mayRead()
        bench.loop.beganStream()
        let read = bench.run()
        #expect(!held && read == ["read"])
        let late = bench.tick(after: .hours(10))
        #expect(late.isEmpty)
        bench.loop.inputClosed()
        let closed = bench.run()
        let again = bench.run()
        #expect(closed == ["close"] && again.isEmpty)
    }

    @Test func `an answer that comes after the end changes nothing`() {
        var bench = Bench()
        _ = bench.get()
        bench.loop.closed()
        bench.loop.answered(.goesOn, isFull: false, now: bench.now)
        bench.loop.beganStream()
        let nothing = bench.get()
        #expect(nothing.isEmpty && bench.loop.beingAnswered == nil)
    }

    @Test func `a trailer named Connection makes the answer the last`() {
        var bench = Bench()
        _ = bench.send(Self.post(["Transfer-Encoding": "chunked"]), .end(["Connection": "close"]))
        let (ending, _) = bench.answer(.created)
        #expect(ending == .closes)
    }
}
