/// Reads an event stream, event after event.
actor EventReader {
    typealias Event = EventParser.Event

    nonisolated let head: RawResponse
    nonisolated let connection: RawConnection
    private var parser = EventParser(keepsItems: true)
    private var items: [EventParser.Item] = []
    private var hasEnded = false

    /// - Parameter connection: One that has sent the request.
    init(_ connection: RawConnection) async throws {
        self.connection = connection
        head = try await connection.head()
    }

    /// The next item; nil after the end of the body.
    func item() async throws -> EventParser.Item? {
        while items.isEmpty, !hasEnded {
            let bytes = head.isChunked ? try await connection.chunk() ?? [] : try await connection.someBytes()
            hasEnded = bytes.isEmpty
            parser.feed(bytes)
            items += parser.takeItems()
            _ = parser.takeEvents()
        }
        return items.isEmpty ? nil : items.removeFirst()
    }

    /// The next event; comments and `retry` are passed over.
    func event() async throws -> Event? {
        while let item = try await item() {
            if case .event(let event) = item { return event }
        }
        return nil
    }

    func events(_ count: Int) async throws -> [Event] {
        var events: [Event] = []
        while events.count < count, let event = try await event() { events.append(event) }
        return events
    }

    /// What follows until the body ends.
    func rest() async throws -> [EventParser.Item] {
        var rest: [EventParser.Item] = []
        while let item = try await item() { rest.append(item) }
        return rest
    }

    func close() async {
        await connection.close()
    }
}
