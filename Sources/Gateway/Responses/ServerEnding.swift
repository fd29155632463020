import Synchronization

/// Tells the responses of a gateway that it stops, so that those without an end of their own can end well.
///
/// Safe to use from any thread.
final class ServerEnding: Sendable {
    /// Of the gateway in whose task a response is made; nil in another server.
    @TaskLocal static var current: ServerEnding?

    private struct State {
        var isOver = false
        var lastNumber = 0
        var listeners: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    /// The server stops.
    func begin() {
        let listeners = state.withLock { state in
            state.isOver = true
            defer { state.listeners = [:] }
            return state.listeners
        }
        for tell in listeners.values { tell() }
    }

    /// - Parameter tell: Called once, on any thread; at once where the server stops already.
    /// - Returns: For ``forget(_:)``.
    func listen(_ tell: @escaping @Sendable () -> Void) -> Int {
        let number: Int? = state.withLock { state in
            guard !state.isOver else { return nil }
            state.lastNumber += 1
            state.listeners[state.lastNumber] = tell
            return state.lastNumber
        }
        guard let number else {
            tell()
            return 0
        }
        return number
    }

    func forget(_ number: Int) {
        state.withLock { $0.listeners[number] = nil }
    }
}
