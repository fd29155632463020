/// Something that is wrong in a database.
public struct DatabaseFinding: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, a sentence for people.
    public let description: String
    /// The message that it is about, and nothing else: when it is deleted, the rest is whole. Nil for any other damage,
    /// after which only a backup helps.
    public let message: MessageID?

    init(_ description: String, message: MessageID? = nil) {
        (self.description, self.message) = (description, message)
    }
}
