/// When a commit counts as stored.
public enum Durability: String, Hashable, Sendable, CaseIterable {
    /// When it was flushed to the disk (`synchronous=FULL`): it survives a power failure.
    case full
    /// When the system has it (`synchronous=NORMAL`): it survives the end of the process, but the last messages before a
    /// power failure may be gone. So a database that was not closed gets a new epoch when it is opened, and clients that
    /// resume are told so.
    case normal
}
