import AsyncHTTPClient
import Broker
import Chat
import Foundation
import Gateway
import Hummingbird

/// A gateway with the chat, on a database of its own.
struct ChatServer: Sendable {
    let chat: Chat
    let log: MessageLog
    let store: SQLiteMessageStore
    let client: HTTPClient
    let url: String

    static let password = "a winter's tale"

    /// - Parameter keys: With which the server asks for tokens; nil: it asks for none.
    static func run(
        keys: APIKeyFile? = nil,
        configure: (inout ChatConfiguration) -> Void = { _ in },
        _ body: (ChatServer) async throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).sqlite").path
        defer {
            for suffix in ["", "-wal", "-shm", "-lock", ".keys"] {
                try? FileManager.default.removeItem(atPath: path + suffix)
            }
        }
        if let keys { try JSONEncoder().encode(keys).write(to: URL(fileURLWithPath: path + ".keys")) }
        try await run(path: path, keyFile: keys.map { _ in path + ".keys" }, configure: configure, body)
    }

    /// On a database that may be there already.
    static func run(
        path: String,
        keyFile: String? = nil,
        configure: (inout ChatConfiguration) -> Void = { _ in },
        _ body: (ChatServer) async throws -> Void
    ) async throws {
        let store = try SQLiteMessageStore(path: path)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        var settings = ChatConfiguration()
        settings.adminPassword = password
        settings.takesTokens = keyFile != nil
        configure(&settings)
        let chat = try await Chat(log: log, store: store, configuration: settings)
        let router = Router(context: GatewayContext.self)
        chat.register(in: router)
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        configuration.allowedOrigins = settings.origins
        configuration.access.apiKeyFile = keyFile
        configuration.heartbeat = .seconds(2)
        configuration.grace = .seconds(2)
        let gateway = try Gateway(
            log: log,
            configuration: configuration,
            router: router,
            streams: chat.streams,
            reserved: Chat.reservedGroups,
            counters: chat.counters,
            openStreams: chat.openStreams,
            administrators: chat.administrators
        )
        let port = try await gateway.start()
        let client = HTTPClient(
            configuration: .init(redirectConfiguration: .disallow, connectionPool: .init(idleTimeout: .seconds(10)))
        )
        let server = ChatServer(chat: chat, log: log, store: store, client: client, url: "http://127.0.0.1:\(port)")
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(server)) } catch { outcome = .failure(error) }
        await gateway.stop()
        try await client.shutdown()
        await log.close()
        try await store.close()
        try outcome.get()
    }

    func browser() -> Browser { Browser(server: self) }

    /// A browser that is signed in to the chat.
    func signedIn(_ name: String) async throws -> Browser {
        let browser = browser()
        try await browser.get("/lobby/")
        try await browser.post("/lobby/", ["username": name])
        try await browser.get("/")
        return browser
    }

    func administrator() async throws -> Browser {
        let browser = browser()
        try await browser.get("/admin/sign-in/")
        try await browser.post("/admin/sign-in/", ["password": Self.password])
        try await browser.get("/admin/")
        return browser
    }
}
