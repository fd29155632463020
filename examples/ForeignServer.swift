import Broker
import Gateway
import HTTPTypes
import Hummingbird

/// What a channel of the layer gets, as events. The channel is gone when nobody reads it any more.
final class ChannelEvents: AsyncSequence, Sendable {
    let layer: InMemoryChannelLayer
    let channel: ChannelName

    init(of group: GroupName, on layer: InMemoryChannelLayer) throws {
        self.layer = layer
        channel = try layer.newChannel()
        layer.groupAdd(channel, to: group)
    }

    deinit {
        layer.removeChannel(channel)
    }

    func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    struct Iterator: AsyncIteratorProtocol {
        let events: ChannelEvents

        func next() async throws -> ServerSentEvent? {
            ServerSentEvent(try await events.layer.receive(events.channel))
        }
    }
}

/// Hummingbird's own server, without the gateway: an event stream of a group, and a route that sends to it.
func foreignServer(
    layer: InMemoryChannelLayer,
    port: Int,
    onStart: @escaping @Sendable (Int) async -> Void = { _ in }
) throws -> some ApplicationProtocol {
    let group = try GroupName("my-group")
    let router = Router()
    router.get("/stream") { _, _ in
        EventStreamResponse(try ChannelEvents(of: group, on: layer))
    }
    router.post("/send") { request, _ in
        let text = try await request.body.collect(upTo: 10_000)
        try layer.groupSend(Message(text: String(buffer: text)), to: group)
        return HTTPResponse.Status.accepted
    }
    return Application(
        router: router,
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
        onServerRunning: { channel in await onStart(channel.localAddress?.port ?? port) }
    )
}
