import Broker
import Foundation
import GRDB
import Logging
import Synchronization

/// A folder of its own for a test's databases, removed afterwards.
struct StoreFolder: Sendable {
    let path: String
    var database: String { path + "/test.sqlite" }

    static func with(_ body: (StoreFolder) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-store-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(StoreFolder(path: path))
    }

    /// What the disk would hold if the process ended now: a copy of the database's files, in another folder.
    func crashed(_ name: String = "crashed") throws -> StoreFolder {
        let copy = StoreFolder(path: path + "/" + name)
        try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
        for suffix in ["", "-wal", "-lock"] where FileManager.default.fileExists(atPath: database + suffix) {
            try FileManager.default.copyItem(atPath: database + suffix, toPath: copy.database + suffix)
        }
        return copy
    }

    /// Runs a body with a store and a log, and closes them.
    @discardableResult
    func run<Value>(
        _ configuration: SQLiteMessageStore.Configuration = .init(),
        log: MessageLog.Configuration = .init(),
        _ body: (MessageLog) async throws -> Value
    ) async throws -> Value {
        let store = try SQLiteMessageStore(path: database, configuration: configuration)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer(), configuration: log)
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(log)) } catch { outcome = .failure(error) }
        await log.close()
        try await store.close()
        return try outcome.get()
    }

    /// Moves the write-ahead log into the database, as a server does in time.
    func checkpoint() async throws {
        try await DatabaseQueue(path: database).writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }

    /// A connection as another process has it, whose transactions may stay open.
    func otherConnection() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: database, configuration: configuration)
    }

    func bytes(_ suffix: String = "") throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: database + suffix))
    }

    func write(_ bytes: Data, _ suffix: String = "") throws {
        try bytes.write(to: URL(fileURLWithPath: database + suffix))
    }
}

extension GroupName {
    static let test = Self.named("test")

    static func named(_ name: String) -> GroupName {
        do { return try GroupName(name) } catch { preconditionFailure("\(error)") }
    }
}

extension MessageDraft {
    static func test(
        _ text: String,
        in group: GroupName = .test,
        event: String = Message.defaultEvent,
        ttl: Duration? = nil,
        key: String? = nil
    ) throws -> MessageDraft {
        try MessageDraft(group: group, event: event, text: text, ttl: ttl, idempotencyKey: key)
    }
}

extension MessageLog {
    /// What a replay of everything shows.
    func history(of group: GroupName = .test) async throws -> [Message] {
        var messages: [Message] = []
        var isComplete = false
        while !isComplete {
            let page = try await store.messages(
                of: [group],
                after: messages.last?.id?.sequence ?? 0,
                through: .max,
                limit: 1000,
                maximumBytes: .max
            )
            messages += page.messages
            isComplete = page.isComplete
        }
        return messages
    }

    func texts(of group: GroupName = .test) async throws -> [String] {
        try await history(of: group).map(\.text)
    }

    func removedThrough(_ group: GroupName = .test) async throws -> Int64 {
        try await store.messages(of: [group], after: 0, through: .max, limit: 1, maximumBytes: 1).removedThrough
    }

    /// The outcome of the callback form.
    func outcome(of draft: MessageDraft) async -> MessageLog.Outcome {
        await withCheckedContinuation { done in publish(draft, on: nil) { done.resume(returning: $0) } }
    }
}

/// A wall clock that stands still until it is moved.
final class WallClock: Sendable {
    private let time = Mutex(Timestamp(milliseconds: 1_800_000_000_000))

    var now: Timestamp { time.withLock { $0 } }
    var configuration: SQLiteMessageStore.Configuration { .init(clock: { self.now }) }

    func advance(by duration: Duration) {
        time.withLock { $0 = $0 + duration }
    }
}

/// What was logged.
final class LogRecord: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var logger: Logger { Logger(label: "test", factory: { _ in Handler(record: self) }) }

    private struct Handler: LogHandler {
        let record: LogRecord
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            record.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}
