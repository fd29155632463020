/// The streams of an event loop, or its sockets, in the slices in which they are looked at, see ``LookSchedule``.
///
/// Confined to its event loop.
struct StreamSlices<Stream> {
    private var slices = [[Int: Stream]](repeating: [:], count: LookSchedule.slices)

    /// Streams and sockets share their numbers. Where they take turns, each still comes into all slices.
    private static func slice(of number: Int) -> Int {
        (number ^ number / LookSchedule.slices) % LookSchedule.slices
    }

    /// By the stream's number.
    subscript(number: Int) -> Stream? {
        get { slices[Self.slice(of: number)][number] }
        set { slices[Self.slice(of: number)][number] = newValue }
    }

    /// A copy: streams may leave while it is gone through.
    func streams(in slice: Int) -> [Stream] { Array(slices[slice].values) }

    var all: [Stream] { slices.flatMap(\.values) }

    var isEmpty: Bool { slices.allSatisfy(\.isEmpty) }
}
