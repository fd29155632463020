import Foundation
import NIOCore
import Synchronization
import Testing

@testable import Broker

/// A registry whose time is the test's.
final class ManualPresence: PresenceRegistry {
    private struct Shared {
        var state = PresenceState(delay: .milliseconds(500), maximumLeaving: 1000)
        var now = ContinuousClock.now
    }

    private let shared = Mutex(Shared())

    func join(_ groups: [GroupName], as user: PresentUser?) {
        shared.withLock { shared in
            for group in groups { shared.state.join(group, user, at: Timestamp(milliseconds: 0)) }
        }
    }

    func leave(_ groups: [GroupName], as user: PresentUser?) {
        shared.withLock { shared in
            for group in groups { shared.state.leave(group, user?.name, at: shared.now) }
        }
    }

    func watch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        shared.withLock { $0.state.watch(group, watcher) }
    }

    func unwatch(_ group: GroupName, _ watcher: any PresenceWatcher) {
        shared.withLock { $0.state.unwatch(group, watcher) }
    }

    func requestState(of group: GroupName) {
        shared.withLock { $0.state.requestState(of: group) }
    }

    func page(of group: GroupName, after: UserName?, limit: Int, maximumBytes: Int) -> PresencePage {
        shared.withLock { $0.state.page(of: group, after: after, limit: limit, maximumBytes: maximumBytes) }
    }

    var figures: PresenceFigures { shared.withLock { $0.state.figures } }

    /// A quarter of a second passes.
    func tick() {
        let updates = shared.withLock { shared in
            shared.now += .milliseconds(250)
            _ = shared.state.leaveDue(at: shared.now, atMost: .max)
            return shared.state.takeQueue().compactMap { shared.state.takeUpdate(of: $0) }
        }
        for (update, watchers) in updates {
            for watcher in watchers { watcher.receive(update) }
        }
    }
}

/// What a client knows that applies the events of a stream.
struct PresenceModel: Equatable {
    struct Event: Decodable {
        struct User: Decodable {
            let user: String
            let info: [String: Int]?
        }
        let group: String
        let count: Int
        let users: [User]?
        let joined: [User]?
        let left: [String]?
        let more: Bool

        init(json: String) throws {
            self = try JSONDecoder().decode(Event.self, from: Data(json.utf8))
        }
    }

    private(set) var users: [String: [String: Int]?] = [:]
    private(set) var count: Int?
    private(set) var states = 0
    private(set) var differences = 0
    private(set) var hadMore = false

    mutating func apply(_ json: String) throws {
        let event = try Event(json: json)
        if let state = event.users {
            users = Dictionary(uniqueKeysWithValues: state.map { ($0.user, $0.info) })
            (hadMore, states) = (event.more, states + 1)
        } else {
            #expect(states > 0, "The state comes first.")
            for user in try #require(event.joined) { users.updateValue(user.info, forKey: user.user) }
            for name in try #require(event.left) { users[name] = nil }
            (hadMore, differences) = (hadMore || event.more, differences + 1)
        }
        count = event.count
    }

    func expect(_ page: PresencePage, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(count == page.count, sourceLocation: sourceLocation)
        guard !hadMore else { return }
        let names = page.users.map(\.user.name.description)
        #expect(Set(users.keys) == Set(names), sourceLocation: sourceLocation)
        for entry in page.users {
            let info = entry.user.info.map { String(buffer: $0) }
            let known = users[entry.user.name.description].flatMap { $0 }.map { "{\"n\":\($0["n"] ?? -1)}" }
            #expect(known == info, sourceLocation: sourceLocation)
        }
    }
}
