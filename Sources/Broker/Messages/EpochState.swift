/// Which ids are a store's own: those of its epoch, and of the epochs that it has gone on from.
///
/// A store that knows where an earlier epoch ended keeps the ids of that time, and whoever resumes with one of them misses
/// nothing. One that does not, such as a database that was restored from a copy, has no lineage.
public struct EpochState: Hashable, Sendable {
    /// An epoch that another one has followed.
    public struct Ancestor: Hashable, Sendable {
        /// The epoch that ended.
        public let epoch: Epoch
        /// The last sequence that was given in it.
        public let through: Int64

        /// - Parameter through: The last sequence that was given in it.
        public init(epoch: Epoch, through: Int64) {
            (self.epoch, self.through) = (epoch, through)
        }
    }

    /// That of the messages to come.
    public let current: Epoch
    /// Earlier ones, the oldest first.
    public let lineage: [Ancestor]

    /// - Parameter lineage: The oldest first, `through` ascending.
    public init(_ current: Epoch, lineage: [Ancestor] = []) {
        (self.current, self.lineage) = (current, lineage)
    }

    /// Whether an id may be one of this store's, or one that it will still give: then its sequence says where it stands.
    public func accepts(_ id: MessageID) -> Bool {
        id.epoch == current || lineage.contains { $0.epoch == id.epoch && id.sequence <= $0.through }
    }

    /// The id of a sequence: a message keeps the epoch in which it was published.
    public func id(_ sequence: Int64) -> MessageID {
        MessageID(epoch: lineage.first { sequence <= $0.through }?.epoch ?? current, sequence: sequence)
    }
}
