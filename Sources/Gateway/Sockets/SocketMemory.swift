import NIOCore

/// A WebSocket's part of the memory for the bodies of requests: what its client has sent of a message that is not whole.
///
/// Confined to its event loop.
struct SocketMemory {
    private let budget: MemoryBudget
    private var held = 0
    /// So little is not counted: every socket may have it.
    private static let free = FrameReader.firstBytes

    init(of budget: MemoryBudget) {
        self.budget = budget
    }

    /// So many bytes are held now.
    ///
    /// - Returns: Whether they may be.
    mutating func hold(_ bytes: Int) -> Bool {
        let wanted = bytes > Self.free ? bytes : 0
        if wanted > held {
            // A quarter is left to others, as for large bodies over HTTP.
            guard budget.take(wanted - held, ofShare: budget.limit / 4 * 3) else { return false }
        } else if wanted < held {
            budget.giveBack(held - wanted)
        }
        held = wanted
        return true
    }

    mutating func giveBack() {
        _ = hold(0)
    }
}

/// Whether a client sends a message fast enough, as the body of a request has to come. A pure value.
struct MessagePace {
    private let limits: RequestLoop.Limits
    private var heldBytes = 0
    private var messages = 0
    /// Of the message that is under way, at the first look that saw it.
    private var seen: (message: Int, bytes: Int, began: NIODeadline, progress: NIODeadline)?

    init(_ limits: RequestLoop.Limits) {
        self.limits = limits
    }

    mutating func note(heldBytes: Int, messages: Int) {
        (self.heldBytes, self.messages) = (heldBytes, messages)
    }

    /// To be asked now and then.
    mutating func isTooSlow(_ now: NIODeadline) -> Bool {
        guard heldBytes > 0 else {
            seen = nil
            return false
        }
        guard var seen, seen.message == messages else {
            seen = (messages, heldBytes, now, now)
            return false
        }
        if heldBytes != seen.bytes { (seen.bytes, seen.progress) = (heldBytes, now) }
        self.seen = seen
        let earned = min(Double(heldBytes) / Double(limits.bodyRate) * 1e9, 1e18)
        return now - seen.progress > limits.bodyTimeout
            || now - seen.began > limits.bodyTimeout + .nanoseconds(Int64(earned))
    }
}
