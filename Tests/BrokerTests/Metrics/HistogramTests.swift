import Testing

@testable import Broker

struct HistogramTests {
    @Test func `a value counts for its bound and all above`() {
        let histogram = Histogram(bounds: [1, 10, 100])
        for value in [-1, 0, 1, 2, 10, 11, 100, 101, 5000] { histogram.observe(value) }
        #expect(histogram.snapshot.cumulative == [3, 5, 7])
        #expect(histogram.snapshot.count == 9)
        #expect(histogram.count == 9)
        #expect(histogram.sum == 5224)
        #expect(histogram.snapshot.sum == 5224)
    }

    @Test func `values of many threads are all counted`() async {
        let histogram = Histogram.ofSizes()
        await withTaskGroup { tasks in
            for number in 1...8 {
                tasks.addTask { for _ in 0..<10_000 { histogram.observe(number) } }
            }
        }
        #expect(histogram.count == 80_000)
        #expect(histogram.sum == 10_000 * 36)
        #expect(histogram.snapshot.cumulative.prefix(4) == [10_000, 20_000, 50_000, 80_000])
    }

    private enum Fruit: String, CaseIterable, Sendable {
        case apple, pear
    }

    @Test func `each label has a number of its own`() {
        let tally = LabelledTally<Fruit>()
        tally.add(1, .pear)
        tally.add(2, .pear)
        tally.add(-1, .apple)
        #expect(tally[.pear] == 3)
        #expect(tally.values.map(\.label) == [.apple, .pear])
        #expect(tally.values.map(\.value) == [-1, 3])
    }
}
