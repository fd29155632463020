import Broker
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// Routes of one's own on the gateway's listener. What they send reaches everybody who follows `/groups/my-group/events`.
func ownApplication(log: MessageLog, configuration: GatewayConfiguration) throws -> Gateway {
    let group = try GroupName("my-group")
    let router = Router(context: GatewayContext.self)
    router.page(
        "/hello",
        needs: .nothing,
        [
            .get: { _, _ in
                // To whoever is connected now. It never waits, and nothing is stored.
                try log.layer.groupSend(Message(event: "greeting", text: "Somebody said hello."), to: group)
                return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "Hello!\n")))
            }
        ]
    )
    router.page(
        "/orders",
        needs: .nothing,
        [
            .post: { request, _ in
                let what = try await FormFields(request, maximumBytes: 10_000)["what"] ?? "nothing"
                // On disk before this returns: those who are away get it when they come back.
                let message = try await log.publish(MessageDraft(group: group, event: "order", text: what))
                let id = message.id.map { "\($0)\n" } ?? ""
                return Response(status: .created, body: ResponseBody(byteBuffer: ByteBuffer(string: id)))
            }
        ]
    )
    return try Gateway(log: log, configuration: configuration, router: router)
}
