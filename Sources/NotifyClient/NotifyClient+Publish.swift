import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension NotifyClient {
    /// Whether the server could take such messages, without asking it.
    ///
    /// The parameters are those of ``publish(group:event:data:persist:ttl:idempotencyKey:)``.
    ///
    /// - Throws: ``NotifyClientError`` with the code `invalidArgument`, whose message names the rule.
    public static func check(
        group: String,
        event: String = "message",
        persist: Bool = true,
        ttl: Duration? = nil,
        idempotencyKey: String? = nil
    ) throws(NotifyClientError) {
        try Rules.check(group: group)
        try Rules.check(event: event)
        try Rules.check(ttl: ttl)
        try Rules.check(idempotencyKey: idempotencyKey)
        guard persist || (ttl == nil && idempotencyKey == nil) else {
            throw NotifyClientError(
                .invalidArgument,
                "A ttl and an idempotency key are for messages that are stored: leave them out, or store the message."
            )
        }
    }

    /// Publishes a message; returns when it is stored and in the hands of the server's event loops.
    ///
    /// - Parameters:
    ///   - group: The group: 1 to 100 ASCII letters, digits, `-`, `_`, `.`. Groups need no creation.
    ///   - event: The event name: 1 to 128 bytes without CR, LF, NUL; not beginning with `stream-`.
    ///   - data: The text, up to the server's limit (1 MiB unless configured).
    ///   - persist: False: goes to whoever is connected now, and is not stored.
    ///   - ttl: How long the message stays in history, 1 ms to 100 years, in whole milliseconds; nil: until retention or
    ///     somebody removes it. For messages that are stored.
    ///   - idempotencyKey: 1 to 255 bytes without control characters, and without a space at either end. The server
    ///     publishes one key of a group at most once in 24 hours, so with a key a broken connection is tried once more;
    ///     without one it is an error, and whether the message was published is not known. For messages that are stored.
    /// - Returns: What was published; with a key that was used before, the first publish's message.
    /// - Throws: ``NotifyClientError``, `refused` with status 422 for a key that was used with another event, data or
    ///   ttl; `CancellationError`.
    @discardableResult
    public func publish(
        group: String,
        event: String = "message",
        data: String,
        persist: Bool = true,
        ttl: Duration? = nil,
        idempotencyKey: String? = nil
    ) async throws -> PublishedMessage {
        try Self.check(group: group, event: event, persist: persist, ttl: ttl, idempotencyKey: idempotencyKey)
        var request = transport.request(
            .POST,
            path: ["groups", group, "messages"],
            query: [
                ("event", event == "message" || data.isEmpty ? nil : event),
                ("persist", persist ? nil : "false"),
                ("ttl", ttl?.secondsText),
            ]
        )
        if data.isEmpty {
            // An empty body means that the data was forgotten, and is refused; empty data is said in JSON.
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .pieces(ByteBuffer(bytes: try JSONEncoder().encode(["event": event, "data": data])))
        } else {
            request.headers.add(name: "content-type", value: "text/plain; charset=utf-8")
            request.body = .pieces(ByteBuffer(string: data))
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
