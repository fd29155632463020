import DequeModule
import Synchronization

/// What a WebSocket's client has sent, and its application has not taken.
///
/// Safe to use from any thread.
final class SocketInbox: Sendable {
    typealias Reader = CheckedContinuation<String?, Never>

    /// While so much waits, nothing more is read.
    private static let messages = 16
    private static let bytes = 64 << 10

    private struct State {
        var waiting: Deque<String> = []
        var bytes = 0
        var readers: Deque<(number: Int, reader: Reader)> = []
        var lastNumber = 0
        var hasEnded = false
        /// Tells the loop that there is room again, or that memory is free which was counted. Called under the lock, so that no
        /// loop is called that has ended meanwhile.
        var wake: (@Sendable () -> Void)?

        var hasRoom: Bool { waiting.count < SocketInbox.messages && bytes < SocketInbox.bytes }

        mutating func take() -> String? {
            guard let message = waiting.popFirst() else { return nil }
            bytes -= message.utf8.count
            return message
        }
    }

    private let state = Mutex(State())

    /// Whether another message may come.
    var hasRoom: Bool { state.withLock { $0.hasRoom } }
    var heldBytes: Int { state.withLock { $0.bytes } }

    func begin(_ wake: @escaping @Sendable () -> Void) {
        state.withLock { $0.wake = wake }
    }

    func give(_ message: String) {
        let reader: Reader? = state.withLock { state in
            if let (_, reader) = state.readers.popFirst() { return reader }
            state.waiting.append(message)
            state.bytes += message.utf8.count
            return nil
        }
        reader?.resume(returning: message)
    }

    /// Nothing more comes. What is here can still be taken.
    func end() {
        let readers = state.withLock { state in
            (state.hasEnded, state.wake) = (true, nil)
            defer { state.readers = [] }
            return state.readers
        }
        for (_, reader) in readers { reader.resume(returning: nil) }
    }

    /// The next message; nil at the end, and for a task that is cancelled, which loses none.
    func next() async -> String? {
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { reader in
                // Asked under the lock: a task is marked as cancelled before its handler runs.
                let (message, isOver): (String?, Bool) = state.withLock { state in
                    // The end of the socket cancels its task. What came before the close is still the program's.
                    guard !Task.isCancelled || state.hasEnded else { return (nil, true) }
                    let hadRoom = state.hasRoom
                    if let message = state.take() {
                        // What little a frame begins with is counted in any case.
                        let isCounted = message.utf8.count > FrameReader.firstBytes
                        if !hadRoom || (isCounted && state.waiting.isEmpty) { state.wake?() }
                        return (message, true)
                    }
                    guard !state.hasEnded else { return (nil, true) }
                    state.readers.append((number, reader))
                    return (nil, false)
                }
                if isOver { reader.resume(returning: message) }
            }
        } onCancel: {
            let reader: Reader? = state.withLock { state in
                guard let index = state.readers.firstIndex(where: { $0.number == number }) else { return nil }
                return state.readers.remove(at: index).reader
            }
            reader?.resume(returning: nil)
        }
    }
}
