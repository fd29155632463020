import GRDB
import GRDBSQLite
import NIOCore

/// What a transaction of publishes has done so far.
struct AppendTransaction {
    private(set) var newest: Int64
    let epoch: Epoch
    let createdAt: Timestamp
    var newGroups: [GroupName: Int64] = [:]
    /// What is added to the groups: written once for each group, not once for each message.
    private var additions: [Int64: Addition] = [:]

    private struct Addition {
        var messages = 0
        var bytes = 0
        var first: Int64
        var last: Int64
    }

    init(newest: Int64, epoch: Epoch, createdAt: Timestamp) {
        (self.newest, self.epoch, self.createdAt) = (newest, epoch, createdAt)
    }

    /// The message that a draft becomes, with the next id.
    ///
    /// - Parameter data: Where it is another than the draft's.
    func message(of draft: MessageDraft, data: ByteBuffer? = nil) -> Message {
        Message(
            id: MessageID(epoch: epoch, sequence: newest + 1),
            group: draft.group,
            event: draft.event,
            data: data ?? draft.data,
            createdAt: createdAt,
            expiresAt: draft.ttl.map { createdAt + $0 },
            trace: draft.trace
        )
    }

    mutating func count(_ message: Message, in group: Int64) {
        newest += 1
        var addition = additions[group] ?? Addition(first: newest, last: newest)
        addition.messages += 1
        addition.bytes += message.data.readableBytes
        addition.last = newest
        additions[group] = addition
    }

    /// The rows of the groups to which something was added.
    var groups: some Sequence<Int64> { additions.keys }

    /// A group that has messages keeps its first one: its place in the index of the empty groups is not touched.
    func updateCounts(_ db: Database) throws {
        let update = try db.cachedStatement(
            sql: """
                UPDATE groups SET messages = messages + ?, bytes = bytes + ?, last_id = ?
                WHERE id = ? AND first_id IS NOT NULL
                """
        )
        for (group, addition) in additions {
            try update.execute(arguments: [addition.messages, addition.bytes, addition.last, group])
            if db.changesCount == 0 { try begin(group, addition, db) }
        }
    }

    /// The first messages of a group that has none.
    private func begin(_ group: Int64, _ addition: Addition, _ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE groups SET messages = ?, bytes = ?, first_id = ?, last_id = ? WHERE id = ?"
        ).execute(arguments: [addition.messages, addition.bytes, addition.first, addition.last, group])
    }
}

/// The statement that every publish runs. Bound by hand: the bytes of the message are not copied on their way.
struct InsertMessage {
    private let statement: Statement
    private let db: Database

    init(_ db: Database) throws {
        self.db = db
        statement = try db.cachedStatement(
            sql: """
                INSERT INTO messages (id, group_id, event, data, created_at, expires_at, checksum)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        )
    }

    /// - Throws: `DatabaseError`.
    func execute(_ message: Message, sequence: Int64, group: Int64) throws {
        guard let name = message.group else { return }
        let checksum = Checksum.of(
            sequence: sequence,
            group: name,
            event: message.event,
            data: message.data,
            createdAt: message.createdAt,
            expiresAt: message.expiresAt
        )
        let handle = statement.sqliteStatement
        defer {
            sqlite3_reset(handle)
            sqlite3_clear_bindings(handle)
        }
        try check(sqlite3_bind_int64(handle, 1, sequence))
        try check(sqlite3_bind_int64(handle, 2, group))
        try check(sqlite3_bind_int64(handle, 5, message.createdAt.milliseconds))
        if let expiresAt = message.expiresAt { try check(sqlite3_bind_int64(handle, 6, expiresAt.milliseconds)) }
        try check(sqlite3_bind_int64(handle, 7, checksum))
        var event = message.event
        try event.withUTF8 { event in
            try message.data.withUnsafeReadableBytes { data in
                // SQLite does not copy these bytes: they must stay until the statement has run.
                try event.withMemoryRebound(to: CChar.self) { event in
                    try check(sqlite3_bind_text(handle, 3, event.baseAddress, Int32(event.count), nil))
                }
                // A null pointer would bind NULL, not an empty value.
                try check(
                    data.isEmpty
                        ? sqlite3_bind_zeroblob(handle, 4, 0)
                        : sqlite3_bind_blob64(handle, 4, data.baseAddress, UInt64(data.count), nil)
                )
                try check(sqlite3_step(handle), expecting: SQLITE_DONE)
            }
        }
    }

    private func check(_ code: CInt, expecting expected: CInt = SQLITE_OK) throws {
        guard code != expected else { return }
        throw DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: String(cString: sqlite3_errmsg(db.sqliteConnection))
        )
    }
}
