import Testing

@testable import Broker

struct SweepScheduleTests {
    private static let policy = RetentionPolicy(
        rules: [.init(groups: "*", limits: .init(age: .seconds(10), messages: 1))]
    )
    private static let start = Timestamp(milliseconds: 1_000_000)

    /// After a pass over all groups.
    private static func begun(limit: Int = 100) -> SweepSchedule {
        var schedule = SweepSchedule(limit: limit)
        #expect(isWhole(&schedule, policy))
        schedule.endWholePass()
        return schedule
    }

    private static func isWhole(_ schedule: inout SweepSchedule, _ policy: RetentionPolicy = policy) -> Bool {
        schedule.begin(policy, start)
    }

    private static func take(_ schedule: inout SweepSchedule, _ count: Int) -> [Int64] {
        schedule.take(count)
    }

    private static func pass(_ schedule: inout SweepSchedule, _ now: Timestamp = start) -> Set<Int64>? {
        guard !schedule.begin(policy, now) else { return nil }
        return Set(schedule.take(1000))
    }

    @Test func `after a look at all, a pass has the groups that were published to`() {
        var schedule = Self.begun()
        #expect(Self.pass(&schedule) == [])
        schedule.note([3, 5])
        schedule.note([5])
        #expect(Self.pass(&schedule) == [3, 5])
        #expect(Self.pass(&schedule) == [])
    }

    @Test func `a group comes when its oldest message is too old`() {
        var schedule = Self.begun()
        schedule.schedule(1, after: Self.start + .seconds(10))
        schedule.schedule(2, after: Self.start + .seconds(5))
        // The oldest message of a group only gets younger.
        schedule.schedule(2, after: Self.start + .seconds(50))
        #expect(Self.pass(&schedule, Self.start + .seconds(5)) == [])
        #expect(Self.pass(&schedule, Self.start + .milliseconds(5001)) == [2])
        #expect(Self.pass(&schedule, Self.start + .seconds(60)) == [1])
    }

    @Test func `a pass that did not come to its end begins anew`() {
        var schedule = SweepSchedule()
        #expect(Self.isWhole(&schedule))
        #expect(Self.isWhole(&schedule))
        schedule.endWholePass()
        schedule.note([1, 2, 3])
        #expect(!Self.isWhole(&schedule))
        #expect(Self.take(&schedule, 1).count == 1)
        schedule.note([4])
        #expect(!Self.isWhole(&schedule))
        #expect(Self.take(&schedule, 10).count == 3)
    }

    @Test func `another policy looks at all groups`() {
        var schedule = Self.begun()
        let other = RetentionPolicy(rules: [.init(groups: "a*", limits: .init(messages: 1))])
        #expect(Self.isWhole(&schedule, other))
        schedule.endWholePass()
        schedule.stop()
        schedule.note([1])
        #expect(Self.isWhole(&schedule))
    }

    @Test func `groups that are put back come after those that wait`() {
        var schedule = Self.begun()
        schedule.putBack([1, 2, 3])
        #expect(Self.take(&schedule, 2) == [1, 2])
        schedule.putBack([2, 1])
        #expect(Self.take(&schedule, 2) == [3, 2])
        #expect(Self.take(&schedule, 2) == [1])
        #expect(Self.take(&schedule, 2) == [])
    }

    @Test func `more groups than are remembered have all groups looked at`() {
        var schedule = Self.begun(limit: 100)
        for row in 1...1000 { schedule.note([Int64(row)]) }
        #expect(Self.pass(&schedule) == nil)
        schedule.endWholePass()
        for row in 1...1000 { schedule.schedule(Int64(row), after: Self.start + .seconds(1)) }
        #expect(Self.pass(&schedule) == nil)
        // An overflow while all are looked at has them looked at once more.
        for row in 1...1000 { schedule.note([Int64(row)]) }
        schedule.endWholePass()
        #expect(Self.pass(&schedule) == nil)
        schedule.endWholePass()
        #expect(Self.pass(&schedule) == [])
    }

    @Test func `passes that fail again and again do not pile up`() {
        var schedule = Self.begun(limit: 10)
        var wholePasses = 0
        for _ in 0..<100 {
            schedule.note([1, 2, 3])
            if Self.isWhole(&schedule) {
                wholePasses += 1
                schedule.endWholePass()
            }
        }
        #expect(wholePasses > 10)
        #expect(Self.take(&schedule, 1000).count <= 10)
    }

    @Test func `the number of a row that is gone may be given again`() {
        var schedule = Self.begun(limit: 10)
        for _ in 0..<10_000 {
            schedule.schedule(7, after: Self.start + .seconds(100))
            schedule.remove(7)
        }
        schedule.schedule(7, after: Self.start + .seconds(5))
        #expect(Self.pass(&schedule, Self.start + .seconds(6)) == [7])
        #expect(Self.pass(&schedule, Self.start + .seconds(200)) == [])
        schedule.note([8])
        schedule.remove(8)
        #expect(Self.pass(&schedule) == [])
    }
}
