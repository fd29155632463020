import GRDB

/// Reads the log by range, whatever groups its messages belong to, and tests the name of each group that it meets once: how
/// many groups a pattern matches makes no difference.
struct LogScan {
    /// So many messages are looked at in one read.
    static let rowsAtOnce = 20_000

    private let topics: [Topic]
    private let now: Timestamp
    private let db: Database
    /// Groups that were met; nil for those that belong to none of the topics.
    private var met: [Int64: GroupName?] = [:]

    init(_ topics: [Topic], _ now: Timestamp, _ db: Database) {
        (self.topics, self.now, self.db) = (topics, now, db)
    }

    /// The group of a row of ``walk(_:after:through:_:)``, if it belongs to the topics.
    private mutating func group(_ row: Row) throws -> GroupName? {
        let id = try row.value(1, as: Int64.self)
        if let group = met[id] { return group }
        let name = try GroupName(stored: row.value(2, as: String.self))
        let group = topics.contains { $0.includes(name) } ? name : nil
        met[id] = .some(group)
        return group
    }

    enum Direction: String {
        case up = "messages.id > ? AND messages.id <= ? ORDER BY messages.id"
        case down = "messages.id > ? AND messages.id <= ? ORDER BY messages.id DESC"
    }

    /// Calls a body for the messages of the topics in `(after, through]` until it returns false. Only the ids and groups of
    /// the others are read.
    ///
    /// - Returns: How far it has looked; nil where it has come to the end of the stretch.
    mutating func walk(
        _ direction: Direction,
        after: Int64,
        through: Int64,
        _ body: (Int64, GroupName) throws -> Bool
    ) throws -> Int64? {
        // The log first, and for each message its group.
        let found = try Row.fetchCursor(
            db.cachedStatement(
                sql: """
                    SELECT messages.id, group_id, name FROM messages CROSS JOIN groups ON groups.id = group_id
                    WHERE \(direction.rawValue) LIMIT ?
                    """
            ),
            arguments: [after, through, Self.rowsAtOnce]
        )
        var looked = 0
        var last = after
        while let row = try found.next() {
            let id = try row.value(0, as: Int64.self)
            if let group = try group(row), try !body(id, group) { return last }
            last = id
            looked += 1
        }
        return looked < Self.rowsAtOnce ? nil : last
    }

    private func message(_ id: Int64) throws -> Row? {
        try Row.fetchOne(
            db.cachedStatement(
                sql: "SELECT \(StoredMessage.columns) WHERE id = ? AND \(SQLiteMessageStore.isKept)"
            ),
            arguments: [id, now.milliseconds]
        )
    }

    private func isKept(_ id: Int64) throws -> Bool {
        try Bool.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM messages WHERE id = ? AND \(SQLiteMessageStore.isKept)"),
            arguments: [id, now.milliseconds]
        ) ?? false
    }

    // MARK: What is asked for

    /// - Parameter maximumLooks: At so many groups for each pattern.
    /// - Throws: ``PatternGroups/TooMany``.
    func page(after: Int64, through: Int64, _ empty: PageBuilder, maximumLooks: Int) throws -> LogPage {
        var (scan, page) = (self, empty)
        let end = try scan.walk(.up, after: after, through: through) { id, group in
            if let row = try message(id) { try page.take(row, in: group) }
            return !page.isFull
        }
        let groups = try GroupRows(topics.compactMap(\.group), db)
        var (removedThrough, oldest) = (groups.removedThrough, groups.oldest)
        for case .pattern(let pattern) in topics {
            var groups = PatternGroups(pattern, db, maximumLooks: maximumLooks)
            removedThrough = max(removedThrough, try groups.removed(beyond: after))
        }
        // Where a stretch had nothing for anybody, the next may be far: their oldest message says how far.
        let isBarren = page.messages.isEmpty && end != nil
        if removedThrough > after || isBarren {
            for case .pattern(let pattern) in topics {
                var groups = PatternGroups(pattern, db, maximumLooks: maximumLooks)
                if let first = try groups.oldest() { oldest = min(oldest ?? first, first) }
            }
        }
        var next = page.isFull ? nil : end
        if isBarren, let end = next { next = oldest.flatMap { $0 > through ? nil : max(end, $0 - 1) } }
        return LogPage(
            messages: page.messages,
            isComplete: next == nil && !page.isFull,
            removedThrough: removedThrough,
            oldest: oldest,
            end: next
        )
    }

    /// Adds messages to a page, from the newest on.
    ///
    /// - Parameter oldest: Nothing is stored below.
    /// - Returns: Where to go on below; nil where there is no more, or no room.
    func fill(_ page: inout PageBuilder, below before: Int64, from oldest: Int64) throws -> Int64? {
        var (scan, filled) = (self, page)
        let end = try scan.walk(.down, after: oldest - 1, through: before - 1) { id, group in
            if let row = try message(id) { try filled.take(row, in: group) }
            return !filled.isFull
        }
        page = filled
        return page.isFull ? nil : end
    }

    /// The first message of the topics in a stretch, or else where to go on.
    func first(after: Int64, through: Int64) throws -> (found: Int64?, end: Int64?) {
        var (scan, found) = (self, Int64?.none)
        let end = try scan.walk(.up, after: after, through: through) { id, _ in
            if try isKept(id) { found = id }
            return found == nil
        }
        return (found, found == nil ? end : nil)
    }

    /// Counts back from the newest.
    ///
    /// - Returns: How many there are in the stretch, at most `count`, the lowest of them, and where to go on.
    func newest(_ count: Int, after: Int64, through: Int64) throws -> (count: Int, lowest: Int64?, end: Int64?) {
        var (scan, found, lowest) = (self, 0, Int64?.none)
        let end = try scan.walk(.down, after: after, through: through) { id, _ in
            guard found < count else { return false }
            if try isKept(id) { (found, lowest) = (found + 1, id) }
            return true
        }
        return (found, lowest, found < count ? end : nil)
    }
}
