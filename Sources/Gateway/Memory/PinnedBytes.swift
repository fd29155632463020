/// What waits for the sockets of one loop's streams, by the slices in which they are looked at, and what each of them may
/// hold.
struct PinnedBytes {
    private struct Slice {
        var bytes = 0
        var holders = 0
    }

    private var slices = [Slice](repeating: Slice(), count: LookSchedule.slices)
    private var holders = 0
    private(set) var bytes = 0
    private let maximum: Int

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// The bound is shared equally among those that hold anything; most hold nothing.
    var share: Int { bytes > maximum ? maximum / max(1, holders) : .max }

    /// A slice was looked at, and this was found.
    mutating func looked(at slice: Int, bytes found: Int, holders foundHolders: Int) {
        bytes += found - slices[slice].bytes
        holders += foundHolders - slices[slice].holders
        slices[slice] = Slice(bytes: found, holders: foundHolders)
    }
}
