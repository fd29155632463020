import Broker
import Testing

@testable import Gateway

struct SubscribersTests {
    /// To a string's own comparison, the Kelvin sign is a K.
    @Test func `groups are chosen by the bytes of their names`() throws {
        let subscribers = SubscriberCounts()
        let names = try ["K", "Kb", "L"].map { try GroupName($0) }
        subscribers.add(names.map(Topic.group))
        #expect(subscribers.groups(prefix: "K", after: "") == Array(names[..<2]))
        #expect(subscribers.groups(prefix: "\u{212A}", after: "").isEmpty)
        #expect(subscribers.groups(prefix: "", after: "\u{212A}").isEmpty)
        #expect(subscribers.groups(prefix: "", after: "K") == Array(names[1...]))
    }
}
