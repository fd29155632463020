import Broker
import Foundation
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Who is signed in: the random text in a cookie, and a name.
final class Users: Sendable {
    private let names = Mutex<[String: String]>([:])

    func signIn(_ name: String) -> String {
        let token = UUID().uuidString
        names.withLock { $0[token] = name }
        return "session=\(token); Path=/; HttpOnly; SameSite=Lax"
    }

    /// - Throws: 403 for whoever is not signed in.
    func name(_ headers: HTTPFields) throws -> String {
        let cookies = (headers[.cookie] ?? "").components(separatedBy: "; ")
        let token = cookies.first { $0.hasPrefix("session=") }?.dropFirst("session=".count) ?? ""
        guard let name = names.withLock({ $0[String(token)] }) else {
            throw HTTPError(.forbidden, message: "Sign in first.")
        }
        return name
    }
}

/// The consumer: gives a client what comes to the group, and tells the group what the client says.
func consume(_ socket: WebSocket, user: String, group: GroupName, log: MessageLog) async throws {
    let layer = log.layer
    let channel = try layer.newChannel(prefix: "consumer")
    layer.groupAdd(channel, to: group)
    defer { layer.removeChannel(channel) }
    try await socket.send("Welcome, \(user).")
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            while true {
                let message = try await layer.receive(channel)
                try await socket.send("\(message.event): \(message.text)")
            }
        }
        for await text in socket.messages {
            guard text != "bye" else { break }
            try await log.publish(MessageDraft(group: group, event: "chat.message", text: "\(user): \(text)"))
        }
        tasks.cancelAll()
    }
}

/// The event stream of a group (`/groups/my-group/events`), a WebSocket beside it for those who are signed in, and a page that
/// sends to both.
func secondTutorial(log: MessageLog, configuration: GatewayConfiguration) throws -> Gateway {
    let users = Users()
    let group = try GroupName("my-group")
    let router = Router(context: GatewayContext.self)
    router.page(
        "/sign-in",
        needs: .application,
        [
            .post: { request, _ in
                let name = try await FormFields(request, maximumBytes: 10_000)["name"] ?? "Nobody"
                return Response(status: .found, headers: [.location: "/", .setCookie: users.signIn(name)])
            }
        ]
    )
    router.page(
        "/send-message",
        needs: .application,
        [
            .post: { request, _ in
                let text = try await FormFields(request, maximumBytes: 10_000)["text"] ?? "Hello"
                try log.layer.groupSend(Message(event: "chat.message", text: text), to: group)
                return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "Message sent\n")))
            }
        ]
    )
    let socket = SocketRoute(path: "/ws/chat") { request in
        let user = try users.name(request.headerFields)
        return SocketGrant(user: user) { socket in
            try await consume(socket, user: user, group: group, log: log)
        }
    }
    return try Gateway(log: log, configuration: configuration, router: router, sockets: [socket])
}
