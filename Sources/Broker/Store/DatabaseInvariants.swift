import GRDB

/// What must hold in a database beyond SQLite's own structure.
enum DatabaseInvariants {
    /// Groups whose kept counts are not those of their messages, one sentence each. Reads all of the messages' rows, but
    /// not their data.
    static func wrongCounts(_ db: Database, limit: Int = 20) throws -> [String] {
        let names = try String.fetchAll(
            db,
            sql: """
                WITH counted AS (
                    SELECT group_id, count(*) AS messages, sum(length(data)) AS bytes, min(id) AS first, max(id) AS last
                    FROM messages GROUP BY group_id
                )
                SELECT coalesce(groups.name, 'number ' || counted.group_id)
                FROM groups FULL JOIN counted ON counted.group_id = groups.id
                WHERE groups.id IS NULL OR groups.messages IS NOT coalesce(counted.messages, 0)
                    OR groups.bytes IS NOT coalesce(counted.bytes, 0)
                    OR groups.first_id IS NOT counted.first OR groups.last_id IS NOT counted.last
                LIMIT ?
                """,
            arguments: [limit]
        )
        return names.map { "the counts of the group \($0.quotedForPeople) are not those of its messages" }
    }
}
