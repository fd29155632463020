/// Who follows which group by its name, now.
///
/// A user is there from the first of its connections on, and leaves some time after the last one has ended, so that a page
/// which is loaded again is neither. Connections of nobody who is known are counted as they are.
///
/// ``LocalPresence`` knows the connections of one process; an engine that several servers share knows those of all. Safe to
/// use from any thread. No call waits, but for ``page(of:after:limit:maximumBytes:)``.
public protocol PresenceRegistry: AnyObject, Sendable {
    /// A connection begins to follow groups.
    ///
    /// - Parameters:
    ///   - groups: Each once.
    ///   - user: Nil for nobody who is known.
    func join(_ groups: [GroupName], as user: PresentUser?)
    /// A connection that has joined follows its groups no more: to be called once for each ``join(_:as:)``, with the same.
    func leave(_ groups: [GroupName], as user: PresentUser?)

    /// The watcher is told of the group's changes, and of its state soon. It must not watch the group already.
    func watch(_ group: GroupName, _ watcher: any PresenceWatcher)
    /// What was on its way may still come.
    func unwatch(_ group: GroupName, _ watcher: any PresenceWatcher)
    /// The next update of a group that is watched comes soon, and has its whole state.
    func requestState(of group: GroupName)

    /// The users of a group, by name.
    ///
    /// - Parameters:
    ///   - after: Only those whose names come after this one, by bytes; nil: from the first on.
    ///   - limit: At most so many, at least 1.
    ///   - maximumBytes: About so many bytes of names and what is shown with them, or one user.
    /// - Throws: ``BrokerError`` where those of other servers cannot be had.
    func page(
        of group: GroupName,
        after: UserName?,
        limit: Int,
        maximumBytes: Int
    ) async throws(BrokerError) -> PresencePage

    /// What it has counted.
    var figures: PresenceFigures { get }
}

/// Whoever wants to know of the changes of groups.
public protocol PresenceWatcher: AnyObject, Sendable {
    /// Called on any thread, for each group in the order of its changes, at most four times a second. Must not wait, nor
    /// call the registry.
    func receive(_ update: PresenceUpdate)
}

/// What has changed in a group since the last update of it, and its state where somebody asked for that. Whoever has the
/// state before the change has that after it.
public struct PresenceUpdate: Sendable {
    /// Some of those who are there, by name.
    public struct State: Sendable {
        /// At most ``PresenceUpdate/maximumShown``.
        public let users: [PresentUser]
        /// Whether there are others.
        public let hasMore: Bool
    }

    /// Who has come, and who has gone.
    public struct Difference: Sendable {
        /// Also those of whom other things are shown than before. At most ``PresenceUpdate/maximumShown``.
        public let joined: [PresentUser]
        /// At most ``PresenceUpdate/maximumShown``.
        public let left: [UserName]
        /// Whether there are others of either.
        public let hasMore: Bool
    }

    /// The group.
    public let group: GroupName
    /// Users who are there, and connections of nobody who is known.
    public let count: Int
    /// Nil where nothing has changed.
    public let difference: Difference?
    /// Nil where nobody asked for it.
    public let state: State?

    /// Users in a list, at most: a thousand who come at once must not make long lists for a thousand who watch.
    public static let maximumShown = 50
}

/// Some of the users of a group, by name.
public struct PresencePage: Sendable {
    /// A user who is there.
    public struct Entry: Sendable {
        /// Who it is.
        public let user: PresentUser
        /// Its connections that follow the group; 0 in the time between the end of the last one and its leaving.
        public let connections: Int
        /// When it came.
        public let since: Timestamp
    }

    /// Users who are there, and connections of nobody who is known.
    public let count: Int
    /// By name.
    public let users: [Entry]
    /// Whether others follow.
    public let hasMore: Bool
}

/// What a registry has counted.
public struct PresenceFigures: Sendable, Equatable {
    /// Users who are there, counted for each of their groups.
    public internal(set) var users = 0
    /// Connections of nobody who is known, counted for each of their groups.
    public internal(set) var anonymous = 0
    /// Users without a connection who have not left yet. They are among the users.
    public internal(set) var leaving = 0
    /// Groups that somebody follows or watches.
    public internal(set) var groups = 0
    /// Changes that made no update of their own: they cancelled each other out, or went out with others.
    public internal(set) var coalesced = 0
    /// Users who left early, since too many were about to leave.
    public internal(set) var leftEarly = 0
}
