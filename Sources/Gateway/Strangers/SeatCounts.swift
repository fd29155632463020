import Synchronization

/// How many of something each of many have: connections of an address, streams of a user. Whoever has none takes no memory,
/// so it is bounded by what there is in all.
///
/// Safe to use from any thread.
final class SeatCounts<Key: Hashable & Sendable>: Sendable {
    private let counts = Mutex<[Key: Int]>([:])

    var keys: Int { counts.withLock { $0.count } }

    /// Takes a seat, which is given back when nobody holds it any more.
    func take(_ key: Key) -> Seat {
        let number = counts.withLock { counts in
            counts[key, default: 0] += 1
            return counts[key, default: 0]
        }
        return Seat(number: number) { self.giveBack(key) }
    }

    private func giveBack(_ key: Key) {
        counts.withLock { counts in
            let left = counts[key, default: 0] - 1
            counts[key] = left > 0 ? left : nil
        }
    }
}

/// A place that is given back when nobody holds it any more.
final class Seat: Sendable {
    /// How many there were with it, when it was taken.
    let number: Int
    private let giveBack: @Sendable () -> Void

    init(number: Int, _ giveBack: @escaping @Sendable () -> Void) {
        (self.number, self.giveBack) = (number, giveBack)
    }

    deinit { giveBack() }
}
