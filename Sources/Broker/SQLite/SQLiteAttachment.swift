public import GRDB
public import NIOCore

/// What an application stores together with a message in an ``SQLiteMessageStore``.
///
/// Both steps run on the store's writer, one draft after another, so what they look up does not change under them. Where
/// one of them throws, this message fails and its neighbours are stored.
public struct SQLiteAttachment: DraftAttachment {
    let data: @Sendable (Database) throws -> ByteBuffer
    let stored: @Sendable (Database, Int64) throws -> Void

    /// - Parameters:
    ///   - data: Runs before the message's row is written, and gives its data. The draft's own data is not stored then; it is
    ///     what the limits are checked against.
    ///   - stored: Runs after the message's row is written, with its sequence.
    public init(
        data: @escaping @Sendable (Database) throws -> ByteBuffer,
        stored: @escaping @Sendable (Database, Int64) throws -> Void
    ) {
        (self.data, self.stored) = (data, stored)
    }
}
