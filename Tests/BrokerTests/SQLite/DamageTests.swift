import Broker
import Foundation
import GRDB
import Testing

/// Bytes that changed on the disk are never served, and never end the process.
@Suite(.timeLimit(.minutes(1)))
struct DamageTests {
    private static let texts = (0..<200).map { "message \($0) \(String(repeating: "x", count: $0))" }

    private static func closed(_ body: (StoreFolder) async throws -> Void) async throws {
        try await StoreFolder.with { folder in
            try await folder.run { log in
                _ = try await log.publish(contentsOf: texts.map { try .test($0, ttl: .seconds(1_000_000)) })
            }
            try await body(folder)
        }
    }

    @Test func `a flipped byte of the database is noticed, wherever it lies`() async throws {
        try await Self.closed { folder in
            let whole = try folder.bytes()
            var random = SeededRandom(seed: 3)
            for number in 0..<60 {
                let copy = try folder.crashed("flip-\(number)")
                var damaged = whole
                damaged[Int.random(in: 0..<whole.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try copy.write(damaged)
                do {
                    let texts = try await copy.run { log in try await log.texts() }
                    #expect(texts == Self.texts)
                } catch let error as BrokerError {
                    #expect(!error.message.isEmpty)
                }
            }
        }
    }

    @Test func `a damaged message is told, and can be deleted`() async throws {
        try await Self.closed { folder in
            try folder.damage("message 7 ", to: "message 8 ")
            try await folder.run { log in
                let error = await #expect(throws: BrokerError.self) { try await log.texts() }
                #expect(error?.code == .storeUnusable)
                #expect(error?.message.contains("-8 was damaged") == true)
                try await log.delete(8, in: .test)
                #expect(try await log.texts() == Self.texts.filter { $0 != Self.texts[7] })
            }
        }
    }

    @Test func `a file that was cut short is refused`() async throws {
        try await Self.closed { folder in
            let whole = try folder.bytes()
            try folder.write(whole.prefix(whole.count / 2))
            let error = await #expect(throws: BrokerError.self) {
                try await folder.run { log in try await log.texts() }
            }
            #expect(error?.code == .storeUnusable)
            #expect(error?.message.contains("backup") == true)
        }
    }

    @Test func `a check finds what is wrong`() async throws {
        try await Self.closed { folder in
            let tools = try DatabaseTools(path: folder.database)
            #expect(try tools.check().isEmpty)
            try folder.damage("message 7 ", to: "message 8 ")
            let epoch = try tools.statistics().epoch
            let damaged = MessageID(epoch: epoch, sequence: 8)
            #expect(try tools.check().map(\.message) == [damaged])
            try DatabaseQueue(path: folder.database).write { db in
                try db.execute(sql: "UPDATE groups SET messages = 3")
                try db.execute(sql: "UPDATE sqlite_sequence SET seq = 3")
            }
            let findings = try tools.check()
            #expect(findings.map(\.message) == [nil, nil, damaged])
            #expect(findings.first?.description.contains("'test'") == true)
            #expect(findings.last?.description.contains("\(damaged) in the group 'test' was damaged") == true)
        }
    }
}

extension StoreFolder {
    /// Writes over a text wherever it is in the file: SQLite leaves copies where it moved something.
    func damage(_ text: String, to other: String) throws {
        var bytes = try bytes()
        while let range = bytes.range(of: Data(text.utf8)) { bytes.replaceSubrange(range, with: Data(other.utf8)) }
        try write(bytes)
    }
}
