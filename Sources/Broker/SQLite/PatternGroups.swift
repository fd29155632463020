import GRDB

/// What is known of the groups that match a pattern, without a look at all of them.
///
/// Two indexes lead to each answer: the groups in the order of what is asked for, of which the first that matches is the
/// answer; and the groups whose names begin as the pattern does. Both are walked in turn, a row each, until one of them has the
/// answer. So a pattern that matches many groups meets one of them at once, and one that matches few has few to walk.
struct PatternGroups {
    /// Many groups would have to be looked at: that is no short read.
    struct TooMany: Error {}

    /// So many are looked at in a short read.
    static let fewLooks = 2000

    /// How many groups were looked at.
    private(set) var looked = 0
    private let pattern: ChannelPattern
    private let db: Database
    private let maximumLooks: Int

    /// - Parameter maximumLooks: Beyond them ``TooMany`` is thrown.
    init(_ pattern: ChannelPattern, _ db: Database, maximumLooks: Int = .max) {
        (self.pattern, self.db, self.maximumLooks) = (pattern, db, maximumLooks)
    }

    /// The highest sequence that retention or a purge has removed from one of them; 0 if it is not beyond a position. Groups
    /// that were forgotten may have been among them.
    mutating func removed(beyond position: Int64) throws -> Int64 {
        let forgotten = try SQLiteMessageStore.forgottenThrough(db)
        let beyond = max(position, forgotten)
        let condition = "removed_through > 0 AND removed_through > ?"
        let found = try walk(
            "SELECT name, removed_through FROM groups WHERE \(condition) ORDER BY removed_through DESC",
            "SELECT name, removed_through FROM groups WHERE name >= ? AND name < ?",
            beyond,
            max
        )
        return found ?? (forgotten > position ? forgotten : 0)
    }

    /// The oldest sequence that is stored of them.
    mutating func oldest() throws -> Int64? {
        try walk(
            "SELECT name, first_id FROM groups WHERE first_id > ? ORDER BY first_id",
            "SELECT name, coalesce(first_id, 0) FROM groups WHERE name >= ? AND name < ?",
            0,
            min
        )
    }

    private mutating func walk(
        _ inOrder: String,
        _ byName: String,
        _ bound: Int64,
        _ better: (Int64, Int64) -> Int64
    ) throws -> Int64? {
        let ordered = try Row.fetchCursor(db.cachedStatement(sql: inOrder), arguments: [bound])
        let prefix = pattern.literalPrefix.map(String.init) ?? pattern.description
        var named: RowCursor?
        if !prefix.isEmpty {
            named = try Row.fetchCursor(
                db.cachedStatement(sql: byName),
                // Names are ASCII and compared as bytes.
                arguments: [prefix, prefix + "\u{7f}"]
            )
        }
        var best: Int64?
        while let row = try ordered.next() {
            looked += named == nil ? 1 : 2
            guard looked <= maximumLooks else { throw TooMany() }
            if try matches(row) { return try row.value(1) }
            guard let names = named else { continue }
            guard let row = try names.next() else { return best }
            // Judged here: each step of the walk is one row, whatever it holds.
            let value = try row.value(1, as: Int64.self)
            if value > bound, try matches(row) {
                best = best.map { better($0, value) } ?? value
            }
        }
        return nil
    }

    private func matches(_ row: Row) throws -> Bool {
        pattern.matches(try GroupName(stored: row.value(0, as: String.self)))
    }
}
