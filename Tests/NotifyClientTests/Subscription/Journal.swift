import NotifyClient
import Synchronization

/// What happened, in words and in order; scripts can wait for it.
final class Journal: Sendable {
    private struct State {
        var entries: [String] = []
        var waiting: [(entry: String, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var all: [String] { state.withLock { $0.entries } }

    func note(_ status: SubscriptionStatus) {
        let text =
            switch status {
            case .connected(let resumed): resumed ? "resumed" : "connected"
            case .disconnected: "disconnected"
            case .reset(let reset): "reset \(reset.reason)"
            }
        note(text)
    }

    func note(_ text: String) {
        let ready = state.withLock { state in
            state.entries.append(text)
            let ready = state.waiting.filter { $0.entry == text }
            state.waiting.removeAll { $0.entry == text }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns when this has happened. A script waits so before it breaks a connection: what was received but not yet
    /// read may be lost with it.
    func wait(for entry: String) async {
        await withCheckedContinuation { continuation in
            let hasHappened = state.withLock { state in
                if state.entries.contains(entry) { return true }
                state.waiting.append((entry, continuation))
                return false
            }
            if hasHappened { continuation.resume() }
        }
    }
}
