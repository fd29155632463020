public import GRDB
public import NIOCore

/// What an application stores together with a message: in the message's own transaction, so that both are there or
/// neither.
///
/// Both steps run on the store's writer, one draft after another, so what they look up does not change under them. Where
/// one of them throws, this message fails and its neighbours are stored.
public struct DraftAttachment: Sendable {
    /// Runs before the message's row is written, and gives its data. The draft's own data is not stored then; it is what
    /// the limits are checked against.
    let data: @Sendable (Database) throws -> ByteBuffer
    /// Runs after the message's row is written, with its sequence.
    let stored: @Sendable (Database, Int64) throws -> Void
    private let identity = Identity()

    private final class Identity: Sendable {}

    public init(
        data: @escaping @Sendable (Database) throws -> ByteBuffer,
        stored: @escaping @Sendable (Database, Int64) throws -> Void
    ) {
        (self.data, self.stored) = (data, stored)
    }
}

extension DraftAttachment: Hashable {
    /// Two are equal where they are the same one.
    public static func == (left: DraftAttachment, right: DraftAttachment) -> Bool { left.identity === right.identity }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(identity))
    }
}
