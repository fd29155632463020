import Broker
import Foundation
import Gateway
import Synchronization
import Testing

/// A ``TestServer`` on a database of its own, and short ways to follow groups of it.
struct StreamServer: Sendable {
    let server: TestServer
    let sqlite: SQLiteMessageStore

    var gateway: Gateway { server.gateway }
    var log: MessageLog { server.log }
    var port: Int { server.port }

    /// Runs a body with a folder that is removed afterwards.
    static func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    /// Runs a body with a gateway on a new database.
    static func run(
        store: (SQLiteMessageStore) -> any MessageStore = { $0 },
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        streams: [StreamRoute] = [],
        _ body: (StreamServer) async throws -> Void
    ) async throws {
        try await withFolder { folder in
            try await run(path: folder + "/test.sqlite", store: store, configure: configure, streams: streams, body)
        }
    }

    /// Runs a body with a gateway on a database that may be there already.
    static func run(
        path: String,
        store: (SQLiteMessageStore) -> any MessageStore = { $0 },
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        streams: [StreamRoute] = [],
        _ body: (StreamServer) async throws -> Void
    ) async throws {
        let sqlite = try SQLiteMessageStore(path: path)
        let outcome: Result<Void, any Error>
        do {
            let configure: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.grace = .seconds(2)
                configure(&configuration)
            }
            let value: Void = try await TestServer.run(configure, store: store(sqlite), streams: streams) { server in
                try await body(StreamServer(server: server, sqlite: sqlite))
            }
            outcome = .success(value)
        } catch {
            outcome = .failure(error)
        }
        try await sqlite.close()
        try outcome.get()
    }

    /// As ``run(store:configure:streams:_:)``, with a store that can pause.
    static func runPausing(
        configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (StreamServer, PausingStore) async throws -> Void
    ) async throws {
        var made: PausingStore?
        try await run(
            store: { store in
                let pausing = PausingStore(store)
                made = pausing
                return pausing
            },
            configure: configure,
            { server in try await body(server, try #require(made)) }
        )
    }

    // MARK: Streams

    func stream(
        _ path: String,
        lastEventID: String? = nil,
        options: StreamClient.Options = .init()
    ) async throws -> StreamClient {
        try await StreamClient.connect(port: port, path: path, lastEventID: lastEventID, options: options)
    }

    func stream(
        of groups: [String],
        _ start: String = "",
        lastEventID: String? = nil,
        options: StreamClient.Options = .init()
    ) async throws -> StreamClient {
        let query = groups.map { "group=\($0)" }.joined(separator: "&") + (start.isEmpty ? "" : "&\(start)")
        return try await stream("/events?\(query)", lastEventID: lastEventID, options: options)
    }

    // MARK: Publishing

    @discardableResult
    func publish(_ text: String, to group: String = "g") async throws -> Message {
        try await log.publish(MessageDraft(group: GroupName(group), text: text))
    }

    /// Publishes all at once: they go into as few batches as the store makes of them.
    @discardableResult
    func publish(burst texts: [String], to group: String = "g") async throws -> [Message] {
        let drafts = try texts.map { try MessageDraft(group: GroupName(group), text: $0) }
        let gathered = Mutex<[MessageLog.Outcome]>([])
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            for draft in drafts {
                log.publish(draft, on: nil) { outcome in
                    let count = gathered.withLock { gathered in
                        gathered.append(outcome)
                        return gathered.count
                    }
                    if count == drafts.count { done.resume() }
                }
            }
        }
        return try gathered.withLock { $0 }.map { try $0.get().message }
    }

    func position(_ sequence: Int64) -> String { "\(MessageID(epoch: log.store.epoch, sequence: sequence))" }
}

/// A generator with a seed, so that a failure can be repeated (SplitMix64).
struct StreamRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
