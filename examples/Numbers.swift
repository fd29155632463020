import Broker
import Gateway
import HTTPTypes
import Hummingbird

/// A number, and a second later the next one.
struct SlowNumbers: AsyncSequence, AsyncIteratorProtocol, Sendable {
    var number = 0

    mutating func next() async throws -> String? {
        guard number < 5 else { return nil }
        if number > 0 { try await Task.sleep(for: .seconds(1)) }
        number += 1
        return "\(number)\n"
    }

    func makeAsyncIterator() -> SlowNumbers { self }
}

/// Five numbers at once, one a second, and one a second as an event stream.
func numbers(log: MessageLog, configuration: GatewayConfiguration) throws -> Gateway {
    let router = Router(context: GatewayContext.self)
    let text: HTTPFields = [.contentType: "text/plain; charset=utf-8"]
    router.page(
        "/numbers",
        needs: .nothing,
        [.get: { _, _ in StreamingResponse(headers: text, (1...5).map { "\($0)\n" }) }]
    )
    router.page(
        "/slow-numbers",
        needs: .nothing,
        [.get: { _, _ in StreamingResponse(headers: text, SlowNumbers()) }]
    )
    router.page(
        "/number-events",
        needs: .nothing,
        [
            .get: { _, _ in
                EventStreamResponse(SlowNumbers().map { ServerSentEvent(event: "number", data: String($0.dropLast())) })
            }
        ]
    )
    return try Gateway(log: log, configuration: configuration, router: router)
}
