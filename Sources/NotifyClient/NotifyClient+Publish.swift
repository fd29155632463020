import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension NotifyClient {
    /// Whether the server could take messages of this group and event name, without asking it.
    ///
    /// - Throws: ``NotifyClientError`` with the code `invalidArgument`, whose message names the rule.
    public static func check(group: String, event: String = "message") throws(NotifyClientError) {
        try Rules.check(group: group)
        try Rules.check(event: event)
    }

    /// Publishes a message; returns when it is stored and in the hands of the server's event loops.
    ///
    /// - Parameters:
    ///   - group: The group: 1 to 100 ASCII letters, digits, `-`, `_`, `.`. Groups need no creation.
    ///   - event: The event name: 1 to 128 bytes without CR, LF, NUL; not beginning with `stream-`.
    ///   - data: The text, up to the server's limit (1 MiB unless configured).
    ///   - persist: False: goes to whoever is connected now, and is not stored.
    ///   - idempotencyKey: 1 to 255 bytes. The server publishes one key at most once in 24 hours, so with a key a broken
    ///     connection is tried once more; without one it is an error, and whether the message was published is not known.
    /// - Throws: ``NotifyClientError``; `CancellationError`.
    @discardableResult
    public func publish(
        group: String,
        event: String = "message",
        data: String,
        persist: Bool = true,
        idempotencyKey: String? = nil
    ) async throws -> PublishedMessage {
        try Self.check(group: group, event: event)
        var request = transport.request(
            .POST,
            path: ["groups", group, "messages"],
            query: [
                ("event", event == "message" || data.isEmpty ? nil : event),
                ("persist", persist ? nil : "false"),
            ]
        )
        if data.isEmpty {
            // An empty body means that the data was forgotten, and is refused; empty data is said in JSON.
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(["event": event, "data": data])))
        } else {
            request.headers.add(name: "content-type", value: "text/plain; charset=utf-8")
            request.body = .bytes(ByteBuffer(string: data))
        }
        guard let idempotencyKey else {
            return try await transport.answer(to: request, as: PublishedMessage.self)
        }
        request.headers.add(name: "idempotency-key", value: idempotencyKey)
        do {
            return try await transport.answer(to: request, as: PublishedMessage.self)
        } catch let error as NotifyClientError where error.code == .connectionLost {
            return try await transport.answer(to: request, as: PublishedMessage.self)
        }
    }
}
