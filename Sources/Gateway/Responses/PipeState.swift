import DequeModule
import NIOCore

/// What is on its way from tasks to a socket. A pure state machine, but for the continuations that it keeps.
///
/// A part that finds the socket free and little on its way is taken at once; so parts that are made faster than the loop turns
/// go out together. Any other waits, and so does its task, until the socket has taken it and takes more.
struct PipeState {
    typealias Wait = CheckedContinuation<Void, any Error>

    /// Parts that go together have so many bytes at most; a larger one goes alone.
    static let gatheredBytes = 16 << 10

    enum Offer: Equatable {
        /// - Parameter wakes: Whether the loop has to be told.
        case taken(wakes: Bool)
        /// It has to wait, by this number.
        case full(Int)
        case closed
    }

    /// How the tasks have ended it.
    enum End {
        case finished
        case failed(any Error)
    }

    private struct Waiter {
        let number: Int
        let part: ByteBuffer
        let wait: Wait
    }

    private var gathered = ByteBuffer()
    private var waiting: Deque<Waiter> = []
    /// Whose parts were taken, while the socket takes no more.
    private var taken: [(number: Int, wait: Wait)] = []
    private var isFull = false
    private var isWoken = false
    private var end: End?
    private var isClosed = false
    private var lastNumber = 0

    // MARK: The tasks' side

    mutating func offer(_ part: ByteBuffer) -> Offer {
        guard !isClosed, end == nil else { return .closed }
        let fits =
            gathered.readableBytes == 0 || gathered.readableBytes + part.readableBytes <= Self.gatheredBytes
        guard waiting.isEmpty, !isFull, fits else {
            lastNumber += 1
            return .full(lastNumber)
        }
        gather(part)
        return .taken(wakes: wake())
    }

    /// - Returns: Whether the loop has to be told; nil where the part cannot wait any more.
    mutating func wait(_ number: Int, _ part: ByteBuffer, _ wait: Wait, isCancelled: Bool) -> Bool? {
        guard !isClosed, end == nil, !isCancelled else { return nil }
        waiting.append(Waiter(number: number, part: part, wait: wait))
        return wake()
    }

    /// A part that was taken goes out all the same.
    ///
    /// - Returns: Whose wait ends, if it has not.
    mutating func cancel(_ number: Int) -> Wait? {
        if let index = taken.firstIndex(where: { $0.number == number }) { return taken.remove(at: index).wait }
        guard let index = waiting.firstIndex(where: { $0.number == number }) else { return nil }
        return waiting.remove(at: index).wait
    }

    /// The first end counts.
    ///
    /// - Returns: Whether the loop has to be told.
    mutating func finish(_ end: End) -> Bool {
        guard !isClosed, self.end == nil else { return false }
        self.end = end
        return wake()
    }

    private mutating func wake() -> Bool {
        defer { isWoken = true }
        return !isWoken
    }

    private mutating func gather(_ part: ByteBuffer) {
        if gathered.readableBytes == 0 { gathered = part } else { gathered.writeImmutableBuffer(part) }
    }

    // MARK: The loop's side

    /// What is to be written now.
    struct Load {
        var bytes = ByteBuffer()
        /// Nothing comes after it.
        var end: End?
    }

    mutating func take() -> Load {
        isWoken = false
        while let next = waiting.first,
            gathered.readableBytes == 0 || gathered.readableBytes + next.part.readableBytes <= Self.gatheredBytes
        {
            waiting.removeFirst()
            gather(next.part)
            taken.append((next.number, next.wait))
        }
        defer { gathered = ByteBuffer() }
        return Load(bytes: gathered, end: waiting.isEmpty ? end : nil)
    }

    /// The load is written, or the socket's state has changed.
    ///
    /// - Returns: Whose wait ends, and whether the loop has to be told that there is more.
    mutating func wrote(isWritable: Bool) -> (ended: [Wait], wakes: Bool) {
        isFull = !isWritable
        guard isWritable else {
            // It is told when the socket takes more.
            isWoken = false
            return ([], false)
        }
        defer { taken = [] }
        let hasMore = gathered.readableBytes > 0 || !waiting.isEmpty || end != nil
        return (taken.map(\.wait), hasMore && wake())
    }

    /// The client is gone.
    ///
    /// - Returns: Whose wait fails.
    mutating func close() -> [Wait] {
        isClosed = true
        defer { (waiting, taken, gathered) = ([], [], ByteBuffer()) }
        return taken.map(\.wait) + waiting.map(\.wait)
    }
}
