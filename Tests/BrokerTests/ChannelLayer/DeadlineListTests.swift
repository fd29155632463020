import Testing

@testable import Broker

struct DeadlineListTests {
    private let start = ContinuousClock.now

    private func instant(_ seconds: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    /// All that is due, in order.
    private func due(in list: DeadlineList, at seconds: Int) -> [Int] {
        var list = list
        var places: [Int] = []
        while let place = list.firstDue(at: instant(seconds)) {
            places.append(place)
            list.remove(place)
        }
        return places
    }

    @Test func placesAreDueInTheOrderInWhichTheyCame() {
        var list = DeadlineList()
        #expect(list.firstDue(at: start) == nil)
        for (place, seconds) in [(5, 1), (0, 2), (3, 2), (1, 4)] { list.append(place, deadline: instant(seconds)) }
        #expect(list.count == 4)
        #expect(due(in: list, at: 0) == [])
        #expect(due(in: list, at: 2) == [5, 0, 3])
        #expect(due(in: list, at: 4) == [5, 0, 3, 1])
        #expect(list.isDue(0, at: instant(2)))
        #expect(!list.isDue(1, at: instant(3)))
    }

    @Test func aPlaceThatIsPutInAgainGoesToTheEnd() {
        var list = DeadlineList()
        for place in 0..<3 { list.append(place, deadline: instant(place)) }
        list.append(0, deadline: instant(9))
        #expect(list.count == 3)
        #expect(due(in: list, at: 8) == [1, 2])
        #expect(due(in: list, at: 9) == [1, 2, 0])
    }

    @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [2, 0], [1, 0, 2]])
    func aPlaceCanBeTakenOutAnywhere(places: [Int]) {
        var list = DeadlineList()
        for place in 0..<3 { list.append(place, deadline: instant(0)) }
        for place in places + places + [7] { list.remove(place) }
        #expect(due(in: list, at: 0) == [0, 1, 2].filter { !places.contains($0) })
        #expect(list.isEmpty == (places.count == 3))
        list.append(1, deadline: instant(1))
        #expect(due(in: list, at: 1).last == 1)
    }
}
