/// The messages of some groups, for as long as they are wanted: reconnects and resumes by itself.
///
/// - Every stored message is delivered once and in order, across any number of connections. Where the server cannot keep
///   that, it says so, and ``SubscriptionStatus/reset(_:)`` is reported.
/// - The connection is read only when the consumer asks for more: a slow consumer costs bounded memory and loses nothing.
/// - It ends with ``NotifyClientError`` where trying again is no use: a refusal (400, 403, 404, …), an answer that is no
///   event stream, an event over the client's limit, ``NotifyClient/shutdown()``. It ends without one when the server
///   answers 204.
/// - Cancelling the consuming task closes the connection and throws `CancellationError`. So does letting go of the
///   iterator, without a throw.
///
/// Each iterator is a subscription of its own, with its own connection, and is for one task at a time.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = ReceivedMessage

    let transport: Transport
    let groups: [String]
    let patterns: [String]
    let start: StartPosition
    let onStatus: @Sendable (SubscriptionStatus) -> Void

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(reader: SubscriptionReader(self))
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let reader: SubscriptionReader

        public mutating func next() async throws -> ReceivedMessage? {
            try await reader.next()
        }
    }
}

extension NotifyClient {
    /// Follows one or more groups.
    ///
    /// - Parameters:
    ///   - groups: 1 to 100 group names; messages come in the order of their ids over all of them.
    ///   - since: Where to begin. Reconnects go on where the subscription was.
    ///   - onStatus: Called when the connection comes and goes and when the server reports a gap: from the consuming
    ///     task, in order with the messages. It should return quickly.
    /// - Throws: ``NotifyClientError`` with the code `invalidArgument` for names that the server would refuse.
    public func subscribe(
        groups: [String],
        matching patterns: [String] = [],
        since: StartPosition = .latest,
        onStatus: @escaping @Sendable (SubscriptionStatus) -> Void = { _ in }
    ) throws(NotifyClientError) -> Subscription {
        guard !groups.isEmpty || !patterns.isEmpty else {
            throw NotifyClientError(.invalidArgument, "No group is named: name at least one to follow.")
        }
        for group in groups { try Rules.check(group: group) }
        for pattern in patterns { try Rules.check(pattern: pattern) }
        return Subscription(
            transport: transport,
            groups: groups,
            patterns: patterns,
            start: since,
            onStatus: onStatus
        )
    }
}
