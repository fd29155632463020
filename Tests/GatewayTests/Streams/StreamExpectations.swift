import Broker
import Synchronization
import Testing

extension StreamServer {
    /// What a stream of these groups has to bring after a position: every id once, ascending.
    static func expected(_ published: [Message], of groups: [String], after position: Int64) -> [Int64] {
        published.filter { message in groups.contains { $0 == message.group?.description } }
            .compactMap { $0.id?.sequence }.filter { $0 > position }.sorted()
    }

    /// Waits for the last message that a stream has to bring, and checks that it brought each of them once, in order,
    /// from the position that its `stream-open` named.
    @discardableResult
    func expectExact(
        _ client: StreamClient,
        _ groups: [String],
        _ published: [Message],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> StreamReceipt {
        let opening = try await client.opened()
        let position = try #require(opening.sequence, sourceLocation: sourceLocation)
        let expected = Self.expected(published, of: groups, after: position)
        if let last = expected.last { try await client.messages(through: last) }
        let receipt = client.receipt
        #expect(receipt.sequences == expected, sourceLocation: sourceLocation)
        #expect(receipt.control.map(\.event) == ["stream-open"], sourceLocation: sourceLocation)
        #expect(receipt.parser.unknownFields.isEmpty, sourceLocation: sourceLocation)
        return receipt
    }

    /// As ``expectExact(_:_:_:sourceLocation:)`` for a stream that was left early: it brought the first of them.
    static func expectBeginning(
        _ receipt: StreamReceipt,
        _ groups: [String],
        _ published: [Message],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard let position = receipt.opening?.sequence else { return }
        let expected = expected(published, of: groups, after: position)
        let got = receipt.sequences
        #expect(got == Array(expected.prefix(got.count)), sourceLocation: sourceLocation)
    }
}

/// A value that several tasks of a test share.
final class StreamBox<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func withLock<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try value.withLock { try body(&$0) }
    }
}
