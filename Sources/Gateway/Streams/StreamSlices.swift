/// The streams of an event loop in the slices in which they are looked at, see ``LookSchedule``.
///
/// Confined to its event loop.
struct StreamSlices {
    private var slices = [[Int: Subscriber]](repeating: [:], count: LookSchedule.slices)

    private static func slice(of number: Int) -> Int { number % LookSchedule.slices }

    /// By the stream's number.
    subscript(number: Int) -> Subscriber? {
        get { slices[Self.slice(of: number)][number] }
        set { slices[Self.slice(of: number)][number] = newValue }
    }

    /// A copy: streams may leave while it is gone through.
    func streams(in slice: Int) -> [Subscriber] { Array(slices[slice].values) }

    var all: [Subscriber] { slices.flatMap(\.values) }

    var isEmpty: Bool { slices.allSatisfy(\.isEmpty) }
}
