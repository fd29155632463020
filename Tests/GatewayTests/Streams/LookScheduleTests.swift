import NIOCore
import Testing

@testable import Gateway

/// When streams are looked at, so that what they do then does not come in one burst.
struct LookScheduleTests {
    private let start = NIODeadline.uptimeNanoseconds(0) + .seconds(1000)

    /// The looks that a timer makes which comes late by so much each time.
    private func looks(
        round: TimeAmount,
        for time: TimeAmount,
        late: (Int) -> TimeAmount = { _ in .zero }
    ) -> [(slice: Int, time: NIODeadline)] {
        var schedule = LookSchedule(round: round, start: start)
        var looks: [(slice: Int, time: NIODeadline)] = []
        var now = start
        var call = 0
        while now < start + time {
            now = now + schedule.delay + late(call)
            call += 1
            for slice in schedule.due(at: now) { looks.append((slice, now)) }
        }
        return looks
    }

    @Test func `each slice is looked at once in a round`() {
        let looks = looks(round: .milliseconds(3750), for: .seconds(15))
        for slice in 0..<LookSchedule.slices {
            let times = looks.filter { $0.slice == slice }.map(\.time)
            #expect((3...4).contains(times.count))
            for (one, next) in zip(times, times.dropFirst()) {
                #expect(abs((next - one).nanoseconds - 3_750_000_000) < 130_000_000)
            }
        }
    }

    @Test func `the looks of a round do not come together`() {
        let looks = looks(round: .milliseconds(3750), for: .seconds(15))
        let together = Dictionary(grouping: looks, by: \.time).values.map(\.count).max()
        #expect(together == 1)
    }

    @Test func `a timer that comes late moves no later look`() {
        // Every tenth call 100 ms late.
        let looks = looks(round: .milliseconds(3750), for: .seconds(60)) { $0 % 10 == 0 ? .milliseconds(100) : .zero }
        for slice in 0..<LookSchedule.slices {
            let times = looks.filter { $0.slice == slice }.map(\.time)
            #expect((15...17).contains(times.count))
        }
        let together = Dictionary(grouping: looks, by: \.time).values.map(\.count).max() ?? 0
        #expect(together <= 2)
    }

    @Test func `after a long pause each slice is looked at once`() {
        var schedule = LookSchedule(round: .seconds(1), start: start)
        let due = [TimeAmount.milliseconds(20), .seconds(600), .seconds(600)].map { schedule.due(at: start + $0) }
        #expect(due[0].isEmpty)
        #expect(due[1].sorted() == Array(0..<LookSchedule.slices))
        #expect(due[2].isEmpty)
    }

    @Test func `a very short heartbeat does not keep the loop busy`() {
        #expect(LookSchedule(round: .microseconds(250), start: start).delay == .microseconds(250))
        #expect(LookSchedule(round: .milliseconds(10), start: start).delay == .milliseconds(10))
        #expect(LookSchedule(round: .milliseconds(250), start: start).delay == .milliseconds(10))
    }

    /// As the shard and its streams do it: what 3200 streams say that were all written to at one moment.
    @Test func `heartbeats of streams that were written together are spread`() {
        let heartbeat = TimeAmount.seconds(15)
        let silence = heartbeat.nanoseconds / 32 * 23
        var lastWrite = [NIODeadline](repeating: start, count: 3200)
        var said: [NIODeadline: Int] = [:]
        for (slice, time) in looks(round: .milliseconds(3750), for: .seconds(60)) {
            for stream in 0..<lastWrite.count where stream % LookSchedule.slices == slice {
                guard (time - lastWrite[stream]).nanoseconds >= silence else { continue }
                #expect(time - lastWrite[stream] <= heartbeat)
                lastWrite[stream] = time
                said[time, default: 0] += 1
            }
        }
        #expect(said.values.max() == 100)
    }
}
