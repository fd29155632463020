import GRDB

/// What must hold in a database beyond SQLite's own structure.
enum DatabaseInvariants {
    /// Groups whose kept counts are not those of their messages, one sentence each. Reads all of the messages' rows, but
    /// not their data. Takes time in proportion to them: a full join, which has no index, would compare each group with
    /// each other one.
    static func wrongCounts(_ db: Database, limit: Int = 20) throws -> [String] {
        let names = try String.fetchAll(db, sql: wrongCountsStatement, arguments: [limit])
        return names.map { "the counts of the group \($0.quotedForPeople) are not those of its messages" }
    }

    static let wrongCountsStatement = """
        WITH counted AS MATERIALIZED (
            SELECT group_id, count(*) AS messages, sum(length(data)) AS bytes, min(id) AS first, max(id) AS last
            FROM messages GROUP BY group_id
        )
        SELECT groups.name
        FROM groups LEFT JOIN counted ON counted.group_id = groups.id
        WHERE groups.messages IS NOT coalesce(counted.messages, 0)
            OR groups.bytes IS NOT coalesce(counted.bytes, 0)
            OR groups.first_id IS NOT counted.first OR groups.last_id IS NOT counted.last
        UNION ALL
        SELECT 'number ' || group_id FROM counted WHERE NOT EXISTS (SELECT 1 FROM groups WHERE id = group_id)
        LIMIT ?
        """
}

extension DatabaseInvariants {
    /// Whether ids that are in use would be given again.
    static func reusableIDs(_ db: Database) throws -> [String] {
        let given = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'messages'") ?? 0
        let newest = try Int64.fetchOne(db, sql: "SELECT max(id) FROM messages") ?? 0
        return given < newest ? ["the highest id that was given is lost: ids would come twice"] : []
    }

    /// Messages of one stretch that are not as they were stored.
    ///
    /// - Returns: A finding for each, and where the stretch ends; nil at the end of all.
    static func damagedMessages(_ db: Database, after: Int64) throws
        -> (findings: [DatabaseFinding], last: Int64?)
    {
        let epoch = try SQLiteSchema.epoch(db)
        var names: [Int64: GroupName] = [:]
        var findings: [DatabaseFinding] = []
        var last: Int64?
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT \(StoredMessage.columns) WHERE id > ? ORDER BY id LIMIT 5000",
            arguments: [after]
        )
        while let row = try rows.next() {
            let sequence = try row.value(0, as: Int64.self)
            last = sequence
            let group = try row.value(1, as: Int64.self)
            if names[group] == nil {
                let name = try String.fetchOne(db, sql: "SELECT name FROM groups WHERE id = ?", arguments: [group])
                names[group] = try name.map { try GroupName(stored: $0) }
            }
            do {
                _ = try StoredMessage.read(row, StoredMessage.data(row), in: names[group], epoch: epoch)
            } catch is BrokerError {
                let id = MessageID(epoch: epoch, sequence: sequence)
                let place = names[group].map { "in the group \($0.description.quotedForPeople)" } ?? "in no group"
                findings.append(DatabaseFinding("the message \(id) \(place) was damaged on the disk", message: id))
            }
        }
        return (findings, last)
    }
}
