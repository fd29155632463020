import Testing

@testable import Broker

/// Whose turn it is to read.
struct ReadScheduleTests {
    private var schedule = ReadSchedule(readers: 3)
    private let clients = (0..<200).map { ReadClient($0) }

    /// All that begin now.
    private mutating func begin() -> [Int] {
        var begun: [Int] = []
        while let ticket = schedule.next() { begun.append(ticket) }
        return begun
    }

    @Test mutating func `a short read never waits for long ones`() {
        for ticket in 0..<120 { schedule.add(ticket, .long, of: clients[ticket]) }
        #expect(begin() == [0, 1])
        schedule.add(1000, .short, of: clients[150])
        #expect(begin() == [1000])
        schedule.add(1001, .short, of: clients[150])
        #expect(begin() == [])
        schedule.ended(.short)
        #expect(begin() == [1001])
    }

    @Test mutating func `long reads go on while short ones come without a pause`() {
        for ticket in 0..<10 { schedule.add(ticket, .short, of: clients[0]) }
        for ticket in 100..<110 { schedule.add(ticket, .long, of: clients[1]) }
        #expect(begin() == [100, 0, 1])
        schedule.ended(.short)
        #expect(begin() == [2])
        schedule.ended(.long)
        #expect(begin() == [101])
        schedule.ended(.short)
        schedule.ended(.short)
        #expect(begin() == [3, 4])
    }

    @Test mutating func `clients take turns, however much each asks for`() {
        for ticket in 0..<100 { schedule.add(ticket, .long, of: clients[0]) }
        #expect(begin() == [0, 1])
        schedule.add(200, .long, of: clients[1])
        schedule.add(201, .long, of: clients[1])
        schedule.add(300, .long, of: clients[2])
        var order: [Int] = []
        for _ in 0..<6 {
            schedule.ended(.long)
            order += begin()
        }
        #expect(order == [2, 200, 300, 3, 201, 4])
    }

    @Test mutating func `with a single connection both lengths alternate`() {
        schedule = ReadSchedule(readers: 1)
        for ticket in 0..<3 { schedule.add(ticket, .long, of: clients[0]) }
        for ticket in 10..<13 { schedule.add(ticket, .short, of: clients[1]) }
        var order = begin()
        var length = ReadLength.long
        for _ in 0..<5 {
            schedule.ended(length)
            order += begin()
            length = (order.last ?? 0) < 10 ? .long : .short
        }
        #expect(order == [0, 10, 1, 11, 2, 12])
        schedule.ended(length)
        #expect(begin() == [])
    }

    @Test mutating func `a read that nobody wants any more does not begin`() {
        for ticket in 0..<6 { schedule.add(ticket, .long, of: clients[ticket % 2]) }
        #expect(begin() == [0, 1])
        // The last of them has begun.
        let withdrawn = [2, 2, 1].map { schedule.withdraw($0) }
        #expect(withdrawn == [true, false, false])
        #expect(schedule.waiting == 3)
        schedule.ended(.long)
        schedule.ended(.long)
        #expect(begin() == [4, 3])
    }

    @Test mutating func `reads that are withdrawn leave nothing behind`() throws {
        // Nothing ends meanwhile.
        for ticket in 0..<2 { schedule.add(ticket, .long, of: clients[0]) }
        #expect(begin() == [0, 1])
        schedule.add(2, .long, of: clients[0])
        for ticket in 10..<20_000 {
            schedule.add(ticket, .long, of: ReadClient(ticket))
            let isWithdrawn = schedule.withdraw(ticket)
            #expect(isWithdrawn)
        }
        #expect(schedule.waiting == 1)
        let line = try #require(Mirror(reflecting: schedule).descendant("long"))
        for part in ["tickets", "turns"] {
            let collection = try #require(Mirror(reflecting: line).descendant(part) as? any Collection)
            #expect(collection.count < 200)
        }
        schedule.ended(.long)
        #expect(begin() == [2])
    }
}
