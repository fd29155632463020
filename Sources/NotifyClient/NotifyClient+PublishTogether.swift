import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension NotifyClient {
    /// Publishes several messages in one transaction: all of them or none.
    ///
    /// They get ascending ids with nothing between them. Several requests of a thousand messages are better than one of a
    /// million: the server bounds both their number and their bytes, and other publishers wait for the transaction.
    ///
    /// - Returns: The ids, in the order of the messages.
    /// - Throws: ``NotifyClientError``: where one of the messages is to blame, its ``NotifyClientError/index`` tells
    ///   which, and the server's sentence begins with its line (`Line 3: …`). After `timedOut` and `connectionLost` it is
    ///   not known whether they were published. `CancellationError`.
    @discardableResult
    public func publish(contentsOf messages: [OutgoingMessage]) async throws -> [String] {
        guard !messages.isEmpty else { return [] }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        var body = ByteBuffer()
        for (index, message) in messages.enumerated() {
            do {
                try Self.check(group: message.group, event: message.event, ttl: message.ttl)
            } catch {
                throw NotifyClientError(error.code, "Line \(index + 1): \(error.message)", index: index)
            }
            body.writeBytes(try encoder.encode(Line(message)))
            body.writeInteger(UInt8(ascii: "\n"))
        }
        var request = transport.request(.POST, path: ["messages"])
        request.headers.add(name: "content-type", value: "application/x-ndjson")
        request.body = .pieces(body)
        let ids = try await publishedIDs(request)
        guard ids.count == messages.count else {
            throw NotifyClientError(
                .invalidResponse,
                "\(transport.server) answered \(ids.count) ids for \(messages.count) messages: check the address."
            )
        }
        return ids
    }

    private func publishedIDs(_ request: HTTPClientRequest) async throws -> [String] {
        do {
            return try await transport.answer(to: request, as: PublishedIDs.self).ids
        } catch let error as NotifyClientError {
            throw NotifyClientError(
                error.code,
                error.message,
                status: error.status,
                retryAfter: error.retryAfter,
                index: Self.line(in: error.message).map { $0 - 1 },
                underlying: error.underlying
            )
        }
    }

    /// The line that the server's sentence begins with.
    private static func line(in message: String) -> Int? {
        guard message.hasPrefix("Line "), let colon = message.firstIndex(of: ":") else { return nil }
        return Int(message[..<colon].dropFirst("Line ".count)).flatMap { $0 > 0 ? $0 : nil }
    }
}

/// A line of `POST /messages`.
private struct Line: Encodable {
    let group: String
    let event: String?
    let data: String
    /// In seconds.
    let ttl: Double?

    init(_ message: OutgoingMessage) {
        group = message.group
        event = message.event == "message" ? nil : message.event
        data = message.data
        ttl = message.ttl.map { Double($0.wholeMilliseconds) / 1000 }
    }
}

private struct PublishedIDs: Decodable {
    let ids: [String]
}
