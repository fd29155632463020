import NIOCore

/// What has changed in a group since it was last told. What cancels out leaves nothing behind, so it holds at most those
/// who were there then and those who are there now.
struct PresenceChanges: Sendable {
    /// What was told of somebody who has gone since.
    private enum Told: Sendable, Equatable {
        case info(ByteBuffer?)
        /// Something older than what was shown last.
        case older
    }

    /// Whether each of them was not there before.
    private var joined: [UserName: Bool] = [:]
    private var left: [UserName: Told] = [:]
    /// All that were noted, also those that cancelled out.
    private(set) var noted = 0

    var isEmpty: Bool { joined.isEmpty && left.isEmpty }

    mutating func appeared(_ user: PresentUser) {
        noted += 1
        switch left.removeValue(forKey: user.name) {
        case nil: joined[user.name] = true
        case .info(user.info): break
        case .info, .older: joined[user.name] = false
        }
    }

    /// - Parameter user: With what was shown last.
    mutating func vanished(_ user: PresentUser) {
        noted += 1
        switch joined.removeValue(forKey: user.name) {
        case nil: left[user.name] = .info(user.info)
        case false?: left[user.name] = .older
        case true?: break
        }
    }

    /// Other things are shown of somebody who is there.
    mutating func renewed(_ name: UserName) {
        noted += 1
        if joined[name] == nil { joined[name] = false }
    }

    /// Nobody who is known has come, or gone.
    mutating func counted() {
        noted += 1
    }

    /// - Parameter info: What is shown of somebody who is there.
    func difference(_ info: (UserName) -> ByteBuffer?) -> PresenceUpdate.Difference {
        let limit = PresenceUpdate.maximumShown
        return PresenceUpdate.Difference(
            joined: joined.keys.prefix(limit).sorted().map { PresentUser(name: $0, info: info($0)) },
            left: left.keys.prefix(limit).sorted(),
            hasMore: joined.count > limit || left.count > limit
        )
    }
}
