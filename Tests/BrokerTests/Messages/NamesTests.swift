import GRDB
import Testing

@testable import Broker

struct NamesTests {
    @Test(arguments: [".", ".."])
    func `a step in a path is no name`(name: String) {
        let error = #expect(throws: BrokerError.self) { try GroupName(name) }
        #expect(error?.code == .invalidName)
        #expect(throws: BrokerError.self) { try ChannelName(name) }
    }

    @Test(arguments: ["...", ".a", "a.", "..a", "-", "_"])
    func `dots beside others, and three of them, are a name`(name: String) throws {
        #expect(try GroupName(name).description == name)
        #expect(try ChannelName(name).description == name)
    }

    /// Earlier versions admitted them: a database may hold such groups.
    @Test func `what is stored under such a name can be read`() async throws {
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        try await store.writeTables { db in
            try db.execute(sql: "INSERT INTO groups (name, messages) VALUES ('..', 1)")
        }
        let groups = try await store.groups(prefix: "", after: "", limit: 10)
        #expect(groups.map(\.name.description) == [".."])
        try await store.close()
        #expect(throws: BrokerError.self) { try GroupName(stored: "a b") }
    }
}
