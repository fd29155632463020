import Broker
import Foundation
import GRDB
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

// The program of docs/tutorial.md. What stands between "begin" and "end" stands there to the letter; the tests look.

// begin page
/// Answers with a file, read anew each time, so that the page can be changed while the program runs.
func html(_ path: String) throws -> Response {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return Response(
        status: .ok,
        headers: [.contentType: "text/html; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: text))
    )
}
// end

// begin signed in
/// Who is signed in: the random text in a cookie, and a name.
final class SignedIn: Sendable {
    private let names = Mutex<[String: String]>([:])

    func begin(_ name: String) -> String {
        let token = UUID().uuidString
        names.withLock { $0[token] = name }
        return "tutorial=\(token); Path=/; HttpOnly; SameSite=Lax"
    }

    func name(_ headers: HTTPFields) throws -> String {
        let cookies = (headers[.cookie] ?? "").components(separatedBy: "; ")
        let token = cookies.first { $0.hasPrefix("tutorial=") }?.dropFirst("tutorial=".count) ?? ""
        guard let name = names.withLock({ $0[String(token)] }) else {
            throw HTTPError(.forbidden, message: "Sign in first.")
        }
        return name
    }
}
// end

// begin authors
/// A message as the log has it.
struct Said: Codable {
    var author: Int64
    var content: String
}

/// A message as the page gets it, with the author's name of today.
final class Authors: MessageComposer {
    private let names = Mutex<[Int64: String]>([:])
    private let changes = Atomic<Int>(0)

    var revision: Int { changes.load(ordering: .acquiring) }

    func set(_ name: String, of author: Int64) {
        names.withLock { $0[author] = name }
        changes.wrappingAdd(1, ordering: .releasing)
    }

    func compose(_ message: Message) -> ComposedEvent? {
        guard let said = try? message.json(as: Said.self) else { return nil }
        let name = names.withLock { $0[said.author] }
        let shown = ["author": name ?? "?", "content": said.content]
        return (try? Message(json: shown)).map { ComposedEvent(data: $0.data) }
    }
}
// end

// begin tables
func tables() -> DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("tutorial 1") { db in
        try db.execute(sql: "CREATE TABLE tutorial_authors (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    }
    return migrator
}
// end

enum TutorialProgram {
    static func stepFour(database: String, page: String) throws -> Gateway {
        let store = try SQLiteMessageStore(path: database)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let router = Router(context: GatewayContext.self)
        router.page("/", needs: .nothing, [.get: { _, _ in try html(page) }])
        return try Gateway(log: log, configuration: anyPort, router: router)
    }

    static func stepSix(database: String, page: String) throws -> Gateway {
        let store = try SQLiteMessageStore(path: database)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let router = Router(context: GatewayContext.self)
        router.page("/", needs: .nothing, [.get: { _, _ in try html(page) }])
        // begin step 5
        let signedIn = SignedIn()
        let group = try GroupName("tutorial")

        router.page(
            "/lobby",
            needs: .application,
            [
                .post: { request, _ in
                    let name = try await FormFields(request, maximumBytes: 10_000)["name"] ?? "Nobody"
                    return Response(status: .found, headers: [.location: "/", .setCookie: signedIn.begin(name)])
                }
            ]
        )
        router.page(
            "/say",
            needs: .application,
            [
                .post: { request, _ in
                    let name = try signedIn.name(request.headers)
                    let content = try await FormFields(request, maximumBytes: 100_000)["content"] ?? ""
                    let message = try Message(json: ["author": name, "content": content])
                    try await log.publish(MessageDraft(group: group, data: message.data))
                    return Response(status: .created)
                }
            ]
        )
        // end
        // begin step 6
        let stream = StreamRoute(path: "/messages-of-the-chat") { request in
            _ = try signedIn.name(request.headerFields)
            return StreamGrant(groups: [group], beginsWithAll: true)
        }
        // end
        return try Gateway(log: log, configuration: anyPort, router: router, streams: [stream], reserved: [group])
    }

    static func stepSeven(database: String, page: String) async throws -> Gateway {
        let store = try SQLiteMessageStore(path: database)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let router = Router(context: GatewayContext.self)
        router.page("/", needs: .nothing, [.get: { _, _ in try html(page) }])
        let signedIn = SignedIn()
        let group = try GroupName("tutorial")
        router.page(
            "/lobby",
            needs: .application,
            [
                .post: { request, _ in
                    let name = try await FormFields(request, maximumBytes: 10_000)["name"] ?? "Nobody"
                    return Response(status: .found, headers: [.location: "/", .setCookie: signedIn.begin(name)])
                }
            ]
        )
        // begin step 7
        try store.migrate(tables())
        let authors = Authors()
        let known = try await store.readTables { db in
            try Row.fetchAll(db, sql: "SELECT id, name FROM tutorial_authors").map { ($0[0] as Int64, $0[1] as String) }
        }
        for (id, name) in known { authors.set(name, of: id) }

        router.page(
            "/say",
            needs: .application,
            [
                .post: { request, _ in
                    let name = try signedIn.name(request.headers)
                    let content = try await FormFields(request, maximumBytes: 100_000)["content"] ?? ""
                    var draft = try MessageDraft(group: group, text: content)
                    draft.attachment = SQLiteAttachment(
                        data: { db in
                            try db.execute(
                                sql: "INSERT OR IGNORE INTO tutorial_authors (name) VALUES (?)",
                                arguments: [name]
                            )
                            let id =
                                try Int64.fetchOne(
                                    db,
                                    sql: "SELECT id FROM tutorial_authors WHERE name = ?",
                                    arguments: [name]
                                ) ?? 0
                            // Once it is on disk, and before any reader gets the message.
                            db.afterNextTransaction { _ in authors.set(name, of: id) }
                            return try Message(json: Said(author: id, content: content)).data
                        },
                        stored: { _, _ in }
                    )
                    try await log.publish(draft)
                    return Response(status: .created)
                }
            ]
        )
        let stream = StreamRoute(path: "/messages-of-the-chat") { request in
            _ = try signedIn.name(request.headerFields)
            return StreamGrant(groups: [group], payload: .composed(authors), beginsWithAll: true)
        }
        // end
        return try Gateway(log: log, configuration: anyPort, router: router, streams: [stream], reserved: [group])
    }

    private static var anyPort: GatewayConfiguration {
        var configuration = GatewayConfiguration()
        configuration.port = 0
        return configuration
    }
}
