/// The users of a store, and its close, which waits for them. A pure state machine.
///
/// A step of a sweep, a deletion, a page that is read, or a chain of batches counts from the moment it is asked for, so a
/// close can neither overtake it nor be held up by those that come after. Reads as well: GRDB gives up its readers in a
/// close without a lock, and one that comes meanwhile would meet them half gone.
struct StoreUse {
    typealias WakeUp = CheckedContinuation<Void, Never>

    private var underWay = 0
    private var isClosing = false
    private var waiting: [WakeUp] = []

    /// - Returns: Whether it may go on; false once the store is being closed.
    mutating func begin() -> Bool {
        guard !isClosing else { return false }
        underWay += 1
        return true
    }

    /// - Returns: Closes to be woken.
    mutating func end() -> [WakeUp] {
        underWay -= 1
        guard underWay == 0 else { return [] }
        defer { waiting = [] }
        return waiting
    }

    /// - Returns: Whether the close has to wait to be woken.
    mutating func close(_ wakeUp: WakeUp) -> Bool {
        isClosing = true
        guard underWay > 0 else { return false }
        waiting.append(wakeUp)
        return true
    }

    /// The close failed: the store is still open.
    mutating func reopen() {
        isClosing = false
    }
}
