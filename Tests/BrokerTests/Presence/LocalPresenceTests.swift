import NIOCore
import Synchronization
import Testing

@testable import Broker

/// The registry of one process, with its own timer.
@Suite(.timeLimit(.minutes(1)))
struct LocalPresenceTests {
    private final class Watcher: PresenceWatcher {
        let updates = Mutex<[(update: PresenceUpdate, time: ContinuousClock.Instant)]>([])

        func receive(_ update: PresenceUpdate) {
            updates.withLock { $0.append((update, .now)) }
        }

        var lastCount: Int? { updates.withLock { $0.last?.update.count } }
    }

    private static func wait(until isMet: () -> Bool) async throws {
        while !isMet() {
            try Task.checkCancellation()
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    @Test func `ten thousand users who come and go at once make few updates of bounded size`() async throws {
        let presence = LocalPresence(delay: .milliseconds(100))
        let group = try GroupName("g")
        let watchers = [Watcher(), Watcher()]
        for watcher in watchers { presence.watch(group, watcher) }
        let users = (0..<10_000).map { PresentUser(name: UserName("u\($0)"), info: ByteBuffer(string: "{}")) }
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { tasks in
            for first in stride(from: 0, to: users.count, by: 1000) {
                tasks.addTask { for user in users[first..<first + 1000] { presence.join([group], as: user) } }
            }
        }
        try await Self.wait { watchers.allSatisfy { $0.lastCount == 10_000 } }
        #expect(presence.figures.users == 10_000)
        let page = try await presence.page(of: group, after: nil, limit: 20_000, maximumBytes: .max)
        #expect(page.users.map(\.user) == users.sorted { $0.name < $1.name })
        for user in users { presence.leave([group], as: user) }
        try await Self.wait { watchers.allSatisfy { $0.lastCount == 0 } }
        let ticks = Int((ContinuousClock.now - start) / LocalPresence.interval) + 1
        for watcher in watchers {
            let updates = watcher.updates.withLock { $0 }
            #expect(updates.count <= ticks)
            for (update, _) in updates {
                #expect(update.difference?.joined.count ?? 0 <= 50 && update.difference?.left.count ?? 0 <= 50)
                #expect(update.state?.users.count ?? 0 <= 50)
            }
            for (one, next) in zip(updates, updates.dropFirst()) {
                #expect(next.time - one.time > .milliseconds(200), "at most four a second")
            }
        }
        for watcher in watchers { presence.unwatch(group, watcher) }
        #expect(presence.figures.groups == 0 && presence.figures.leaving == 0)
    }

    @Test func `a registry that nobody holds is gone, whatever it waits for`() async throws {
        let group = try GroupName("g")
        let user = PresentUser(name: UserName("a"))
        let watcher = Watcher()
        weak let kept: LocalPresence? = {
            let presence = LocalPresence(delay: .seconds(600))
            presence.watch(group, watcher)
            presence.join([group], as: user)
            presence.leave([group], as: user)
            return presence
        }()
        try await Self.wait { kept == nil }
    }
}
