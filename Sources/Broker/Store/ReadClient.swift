/// For whom the store is read: its readers are shared out among clients, and one that asks for much waits for itself.
public struct ReadClient: Hashable, Sendable {
    private let number: Int

    /// - Parameter identity: What tells clients from each other. Two that meet at one hash share their turns.
    public init(_ identity: some Hashable) {
        number = identity.hashValue
    }

    /// For whom the current task reads. Reads that no client waits for are the server's own.
    @TaskLocal public static var current = ReadClient("server")
}
