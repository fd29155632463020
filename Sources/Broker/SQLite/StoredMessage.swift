import GRDB
import NIOCore

/// A message as a row of the database.
enum StoredMessage {
    /// What ``read(_:_:in:epoch:)`` takes, beginning a `SELECT`.
    static let columns = "id, group_id, event, data, created_at, expires_at, checksum FROM messages"

    static func data(_ row: Row) throws -> ByteBuffer {
        try row.withUnsafeData(atIndex: 3) { data in data.map { ByteBuffer(bytes: $0) } ?? ByteBuffer() }
    }

    /// - Parameter group: Which group the row belongs to; nil if it is not known.
    /// - Throws: ``BrokerError`` with the code `storeUnusable` for a message that is not as it was stored.
    static func read(_ row: Row, _ data: ByteBuffer, in group: GroupName?, epoch: Epoch) throws -> Message {
        let sequence = try row.value(0, as: Int64.self)
        let event = try row.value(2, as: String.self)
        let createdAt = Timestamp(milliseconds: try row.value(4))
        let expiresAt = try row.optional(5, as: Int64.self).map { Timestamp(milliseconds: $0) }
        guard let group,
            try row.value(6, as: Int64.self)
                == Checksum.of(
                    sequence: sequence,
                    group: group,
                    event: event,
                    data: data,
                    createdAt: createdAt,
                    expiresAt: expiresAt
                )
        else {
            throw BrokerError(
                .storeUnusable,
                "The message \(epoch)-\(sequence) was damaged on the disk: restore the database from a backup, or delete "
                    + "the message to go on without it.",
                underlying: DamagedMessage(sequence: sequence)
            )
        }
        return Message(
            id: MessageID(epoch: epoch, sequence: sequence),
            group: group,
            event: event,
            data: data,
            createdAt: createdAt,
            expiresAt: expiresAt
        )
    }
}

/// Which message is not as it was stored: beneath the ``BrokerError`` that says so.
public struct DamagedMessage: Error, Hashable, CustomStringConvertible {
    /// Its place in the log.
    public let sequence: Int64

    public var description: String { "message \(sequence)" }
}
