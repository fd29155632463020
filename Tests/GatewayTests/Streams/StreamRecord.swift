import Synchronization

/// What a stream's client has received.
struct StreamReceipt: Sendable {
    var body = StreamBody()
    var parser = EventParser()
    /// Of a WebSocket.
    var socket = SocketEvents()
    /// Of NDJSON.
    var lines = LineEvents()
    /// The server's own events.
    var control: [StreamEvent] = []
    /// The publishers' messages.
    var messages: [StreamEvent] = []
    var bytes = 0
    /// The body as it came, where that was asked for.
    var raw: [UInt8] = []
    var problem: String?
    var isClosed = false

    /// The sequences of the stored messages.
    var sequences: [Int64] { messages.compactMap(\.sequence) }
    var texts: [String] { messages.map(\.data) }
    var opening: StreamEvent? { control.first { $0.event == "stream-open" } }
    var reset: StreamEvent? { control.first { $0.event == "stream-reset" } }
    var lastEventID: String { parser.lastEventID }

    /// The bytes of a body as those of an event stream.
    fileprivate mutating func text(of body: [UInt8], _ transport: StreamTransport) throws -> [UInt8] {
        switch transport {
        case .webSocket where self.body.status == 101: try socket.feed(body)
        case .lines where self.body.status == 200: try lines.feed(body)
        case .eventStream, .lines, .webSocket: body
        }
    }

    /// Whether the server has ended the stream, with a word of when to come back.
    var hasEndedInOrder: Bool {
        guard body.status == 101 else { return body.isEnded && parser.retries.count == 2 }
        return socket.close.map { $0.payload.starts(with: [3, 233] + Array("retry=".utf8)) } ?? false
    }
}

/// Gathers what a client receives, and lets tests wait for it.
final class StreamRecord: Sendable {
    struct Closed: Error, CustomStringConvertible {
        let description: String
    }

    private struct Waiter {
        let isMet: @Sendable (StreamReceipt) -> Bool
        let continuation: CheckedContinuation<StreamReceipt, any Error>
    }

    private struct State {
        var receipt = StreamReceipt()
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())
    private let keepsBytes: Bool
    private let maximumBytes: Int
    private let onMessage: @Sendable (StreamEvent) -> Void
    private let transport = StreamTransport.current

    init(keepsBytes: Bool, maximumBytes: Int, onMessage: @escaping @Sendable (StreamEvent) -> Void) {
        (self.keepsBytes, self.maximumBytes, self.onMessage) = (keepsBytes, maximumBytes, onMessage)
    }

    var receipt: StreamReceipt { state.withLock { $0.receipt } }

    /// - Returns: Whether the client has had all the bytes of the body that it wants.
    func feed(_ bytes: [UInt8]) -> Bool {
        update { receipt in
            guard receipt.problem == nil, receipt.bytes < maximumBytes else { return }
            do {
                let body = try receipt.body.feed(bytes).prefix(maximumBytes - receipt.bytes)
                receipt.bytes += body.count
                if keepsBytes { receipt.raw += body }
                let text = try receipt.text(of: Array(body), transport)
                text.withUnsafeBytes { receipt.parser.feed($0) }
            } catch {
                receipt.problem = "malformed: \(error)"
            }
            for event in receipt.parser.takeEvents() {
                if event.event.hasPrefix("stream-") {
                    receipt.control.append(event)
                } else {
                    onMessage(event)
                    receipt.messages.append(event)
                }
            }
        }
        return receipt.bytes >= maximumBytes
    }

    func close() {
        update { $0.isClosed = true }
    }

    private func update(_ change: (inout StreamReceipt) -> Void) {
        let (met, lost, receipt) = state.withLock { state in
            change(&state.receipt)
            let receipt = state.receipt
            let met = state.waiters.filter { $0.value.isMet(receipt) }
            for number in met.keys { state.waiters[number] = nil }
            var lost: [Int: Waiter] = [:]
            if receipt.isClosed || receipt.problem != nil { swap(&lost, &state.waiters) }
            return (met, lost, receipt)
        }
        for waiter in met.values { waiter.continuation.resume(returning: receipt) }
        let summary = "\(receipt.problem ?? "closed") after \(receipt.messages.count) messages, \(receipt.bytes) bytes"
        for waiter in lost.values { waiter.continuation.resume(throwing: Closed(description: summary)) }
    }

    /// Waits until what has come meets a condition; throws where the connection ends before.
    func wait(until isMet: @escaping @Sendable (StreamReceipt) -> Bool) async throws -> StreamReceipt {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let waiter = Waiter(isMet: isMet, continuation: continuation)
                let isCancelled = Task.isCancelled
                state.withLock { $0.waiters[number] = waiter }
                if isCancelled { cancel(number) }
                update { _ in }
            }
        } onCancel: {
            cancel(number)
        }
    }

    private func cancel(_ number: Int) {
        state.withLock { $0.waiters.removeValue(forKey: number) }?.continuation.resume(throwing: CancellationError())
    }
}
