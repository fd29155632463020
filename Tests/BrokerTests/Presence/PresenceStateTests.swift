import NIOCore
import Testing

@testable import Broker

/// Who is there, and what is told of it; times are passed in.
struct PresenceStateTests {
    /// Counts, and keeps what came.
    final class Watcher: PresenceWatcher {
        func receive(_ update: PresenceUpdate) {}
    }

    /// A state, a clock, and a client that applies what is told.
    private final class Bench {
        var state: PresenceState
        let group: GroupName
        let watcher = Watcher()
        var now = ContinuousClock.now
        var known: [UserName: ByteBuffer?]?
        var count = 0
        var hadMore = false

        init(delay: Duration = .seconds(5), maximumLeaving: Int = 1000) throws {
            state = PresenceState(delay: delay, maximumLeaving: maximumLeaving)
            group = try GroupName("g")
        }

        static func user(_ name: String, _ info: String? = nil) -> PresentUser {
            PresentUser(name: UserName(name), info: info.map { ByteBuffer(string: $0) })
        }

        func join(_ name: String?, _ info: String? = nil) {
            state.join(group, name.map { Self.user($0, info) }, at: Timestamp(milliseconds: 0))
        }

        func leave(_ name: String?) {
            state.leave(group, name.map { UserName($0) }, at: now)
        }

        /// One tick of the shell.
        @discardableResult
        func tick(after time: Duration = .milliseconds(250)) -> PresenceUpdate? {
            now += time
            while !state.leaveDue(at: now, atMost: 10) {}
            var told: PresenceUpdate?
            for group in state.takeQueue() {
                guard let (update, watchers) = state.takeUpdate(of: group) else { continue }
                #expect(told == nil && watchers.count == 1)
                told = update
                apply(update)
            }
            return told
        }

        private func apply(_ update: PresenceUpdate) {
            if let state = update.state {
                known = Dictionary(uniqueKeysWithValues: state.users.map { ($0.name, $0.info) })
                hadMore = state.hasMore
            } else if known != nil, let difference = update.difference {
                for user in difference.joined { known?.updateValue(user.info, forKey: user.name) }
                for name in difference.left {
                    let wasKnown = known?.removeValue(forKey: name) != nil
                    #expect(wasKnown)
                }
                hadMore = hadMore || difference.hasMore
            }
            count = update.count
        }

        var page: PresencePage { state.page(of: group, after: nil, limit: 10_000, maximumBytes: .max) }

        func expectRight() {
            #expect(count == page.count)
            guard !hadMore else { return }
            let right = Dictionary(uniqueKeysWithValues: page.users.map { ($0.user.name, $0.user.info) })
            #expect(known == right)
        }
    }

    @Test func `first the state, then what changes`() throws {
        let bench = try Bench()
        bench.join("a", "1")
        bench.join(nil)
        #expect(bench.tick() == nil)
        bench.state.watch(bench.group, bench.watcher)
        let first = try #require(bench.tick())
        #expect(first.count == 2 && first.state?.users == [Bench.user("a", "1")] && first.state?.hasMore == false)
        #expect(bench.tick() == nil)
        bench.join("b")
        bench.leave("a")
        let second = try #require(bench.tick())
        #expect(second.state == nil && second.count == 3)
        #expect(second.difference?.joined == [Bench.user("b")] && second.difference?.left.isEmpty == true)
        // Five seconds after its end, and not before.
        #expect(bench.tick(after: .milliseconds(4740)) == nil)
        let third = try #require(bench.tick(after: .milliseconds(10)))
        #expect(third.count == 2 && third.difference?.left == [UserName("a")])
        bench.leave(nil)
        let fourth = try #require(bench.tick())
        #expect(fourth.count == 1 && fourth.difference?.joined.isEmpty == true)
        bench.expectRight()
    }

    @Test func `a reload is neither a leave nor a join, and keeps nothing behind`() throws {
        let bench = try Bench()
        bench.state.watch(bench.group, bench.watcher)
        bench.join("a", "1")
        bench.tick()
        for _ in 0..<10_000 {
            bench.leave("a")
            bench.join("a", "1")
        }
        #expect(bench.state.figures.leaving == 0)
        bench.leave("a")
        #expect(bench.tick(after: .seconds(4)) == nil)
        #expect(bench.page.users.first?.connections == 0)
        bench.join("a", "1")
        #expect(bench.tick(after: .seconds(20)) == nil)
        #expect(bench.page.users.first?.connections == 1 && bench.state.figures.users == 1)
        #expect(!bench.state.isWaiting)
    }

    @Test func `a leave and a join within a tick cancel out, unless other things are shown`() throws {
        let bench = try Bench(delay: .zero)
        bench.state.watch(bench.group, bench.watcher)
        bench.join("a", "1")
        bench.tick()
        bench.leave("a")
        bench.join("a", "1")
        bench.join("b")
        bench.leave("b")
        bench.join(nil)
        bench.leave(nil)
        #expect(bench.tick() == nil)
        #expect(bench.state.figures.coalesced == 6)
        bench.leave("a")
        bench.join("a", "2")
        let renewed = try #require(bench.tick())
        #expect(renewed.difference?.joined == [Bench.user("a", "2")] && renewed.difference?.left == [])
        bench.join("a", "3")
        bench.leave("a")
        bench.leave("a")
        let gone = try #require(bench.tick())
        #expect(gone.difference?.left == [UserName("a")] && gone.difference?.joined == [])
        bench.expectRight()
    }

    @Test func `a user leaves with the last of its connections`() throws {
        let bench = try Bench(delay: .zero)
        bench.state.watch(bench.group, bench.watcher)
        for _ in 0..<3 { bench.join("a") }
        #expect(bench.tick()?.count == 1)
        bench.leave("a")
        bench.leave("a")
        #expect(bench.tick() == nil)
        bench.leave("a")
        #expect(bench.tick()?.count == 0)
        // One that is not there changes nothing.
        bench.leave("a")
        bench.leave("b")
        bench.leave(nil)
        #expect(bench.tick() == nil && bench.state.figures.users == 0 && bench.state.figures.anonymous == 0)
    }

    @Test func `names are told apart by their bytes`() throws {
        let bench = try Bench()
        bench.join("\u{e9}")
        bench.join("e\u{301}")
        bench.join("")
        #expect(bench.page.count == 3 && bench.page.users.map(\.user.name.description.utf8.count) == [0, 3, 2])
    }

    @Test func `nothing is kept of a group that nobody follows`() throws {
        let bench = try Bench()
        bench.state.watch(bench.group, bench.watcher)
        bench.join("a")
        bench.join(nil)
        bench.tick()
        bench.state.unwatch(bench.group, bench.watcher)
        bench.leave(nil)
        bench.leave("a")
        #expect(bench.state.figures.groups == 1)
        bench.tick(after: .seconds(5))
        #expect(
            bench.state.figures
                == {
                    var none = PresenceFigures()
                    none.coalesced = bench.state.figures.coalesced
                    return none
                }()
        )
        #expect(!bench.state.isWaiting)
    }

    @Test func `those about to leave have a bound, and the oldest goes first`() throws {
        let bench = try Bench(maximumLeaving: 3)
        bench.state.watch(bench.group, bench.watcher)
        for number in 0..<5 { bench.join("u\(number)") }
        bench.tick()
        for number in 0..<5 { bench.leave("u\(number)") }
        #expect(bench.state.figures.leaving == 3 && bench.state.figures.leftEarly == 2)
        #expect(bench.tick()?.difference?.left == [UserName("u0"), UserName("u1")])
        bench.expectRight()
    }

    @Test func `pages have every user once, by name`() throws {
        let bench = try Bench()
        for number in (0..<3000).shuffled() { bench.join("u\(number)", "\(number)") }
        for number in 0..<3000 where number % 3 == 0 { bench.leave("u\(number)") }
        bench.tick(after: .seconds(6))
        var (names, after, hasMore) = ([UserName](), UserName?.none, true)
        while hasMore {
            let page = bench.state.page(of: bench.group, after: after, limit: 70, maximumBytes: 400)
            #expect(page.count == 2000 && page.users.count <= 70)
            names += page.users.map(\.user.name)
            (after, hasMore) = (page.users.last?.user.name, page.hasMore)
        }
        #expect(names == (0..<3000).filter { $0 % 3 != 0 }.map { UserName("u\($0)") }.sorted())
        // One that is longer than a page is a page.
        #expect(bench.state.page(of: bench.group, after: nil, limit: 9, maximumBytes: 1).users.count == 1)
        #expect(bench.state.page(of: bench.group, after: UserName("v"), limit: 9, maximumBytes: 1).users.isEmpty)
    }

    @Test(arguments: 1...20)
    func `whoever applies what is told knows who is there`(seed: UInt64) throws {
        var random = Seeded(state: seed)
        let bench = try Bench(
            delay: seed % 2 == 0 ? .zero : .milliseconds(600),
            maximumLeaving: seed % 3 == 0 ? 4 : 100
        )
        bench.state.watch(bench.group, bench.watcher)
        var connections: [String?] = []
        let users = seed % 5 == 0 ? 200 : 40
        for _ in 0..<600 {
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                if Bool.random(using: &random) || connections.isEmpty {
                    let name =
                        Int.random(in: 0...9, using: &random) == 0
                        ? nil : "u\(Int.random(in: 0..<users, using: &random))"
                    connections.append(name)
                    bench.join(name, ["1", "2", nil][Int.random(in: 0...2, using: &random)])
                } else {
                    bench.leave(connections.remove(at: Int.random(in: 0..<connections.count, using: &random)))
                }
            }
            bench.tick()
            bench.expectRight()
            #expect(bench.state.figures.anonymous == connections.count { $0 == nil })
        }
        for connection in connections { bench.leave(connection) }
        bench.tick(after: .seconds(1))
        bench.expectRight()
        #expect(bench.page.count == 0 && bench.state.figures.users == 0 && bench.state.figures.leaving == 0)
    }

    /// A generator that can be repeated.
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }
}
