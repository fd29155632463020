import AsyncHTTPClient
import Broker
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import Gateway

/// What stands below the connection's handlers sees all that is written, and HTTP/2 has the same streams.
@Suite(.timeLimit(.minutes(1)))
struct SecuredConnectionTests {
    @Test(arguments: ["http/1.1", "h2"])
    func `answers, streams and heartbeats are encrypted, and a stream ends whole`(version: String) async throws {
        let wire = WireTap()
        try await Self.run(version, wire) { gateway, client, url in
            let published = try await client.execute(
                Self.request(.POST, "\(url)/groups/test-group/messages", body: "first marker"),
                timeout: .seconds(30)
            )
            #expect(published.status == .created)
            #expect(published.version == (version == "h2" ? .http2 : .http1_1))
            let stream = try await client.execute(
                Self.request(.GET, "\(url)/groups/test-group/events?since=all"),
                timeout: .seconds(30)
            )
            #expect(stream.status == .ok)
            #expect(stream.headers["content-type"] == ["text/event-stream"])
            #expect(stream.headers.contains(name: "connection") == (version != "h2"))
            var text = ""
            var pieces = stream.body.makeAsyncIterator()
            func read(until marker: String) async throws {
                while !text.contains(marker) {
                    let piece = try await pieces.next()
                    text += String(buffer: try #require(piece, "the stream ended before \(marker)"))
                }
            }
            try await read(until: "first marker")
            try await gateway.log.publish(MessageDraft(group: GroupName("test-group"), text: "second marker"))
            try await read(until: "second marker")
            try await read(until: "\n:\n")
            #expect(gateway.counters.streams.value == 1)
            let stop = Task { await gateway.stop() }
            while let piece = try await pieces.next() { text += String(buffer: piece) }
            await stop.value
            #expect(text.hasSuffix("\n\n") && text.components(separatedBy: "retry:").count == 3)
        }
        let bytes = wire.text
        #expect(bytes.utf8.count > 1000)
        for word in ["marker", "stream-open", "HTTP/1.1", "event-stream"] { #expect(!bytes.contains(word)) }
    }

    @Test func `a client of HTTP 2 that goes away takes its stream with it`() async throws {
        try await Self.run("h2") { gateway, client, url in
            for _ in 0..<2 {
                let reading = Task {
                    let stream = try await client.execute(
                        Self.request(.GET, "\(url)/groups/test-group/events"),
                        timeout: .seconds(30)
                    )
                    for try await _ in stream.body {}
                }
                try await eventually { gateway.counters.liveStreams.value == 1 }
                reading.cancel()
                _ = await reading.result
                try await eventually { gateway.counters.streams.value == 0 }
            }
            let health = try await client.execute(Self.request(.GET, "\(url)/healthz"), timeout: .seconds(30))
            #expect(health.status == .ok)
        }
    }

    private static func request(_ method: HTTPMethod, _ url: String, body: String? = nil) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "Host", value: "localhost")
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        return request
    }

    private static func run(
        _ version: String,
        _ tap: WireTap? = nil,
        _ body: (Gateway, HTTPClient, String) async throws -> Void
    ) async throws {
        try await StreamServer.withFolder { try await run(version, tap, TestCertificate.write(to: $0), body) }
    }

    private static func run(
        _ version: String,
        _ tap: WireTap?,
        _ files: TLSFiles,
        _ body: (Gateway, HTTPClient, String) async throws -> Void
    ) async throws {
        var configuration = GatewayConfiguration()
        configuration.port = 0
        configuration.eventLoops = 2
        configuration.heartbeat = .milliseconds(200)
        configuration.tls = files
        let store = try SQLiteMessageStore(path: SQLiteMessageStore.inMemoryPath)
        let log = try MessageLog(store: store, layer: InMemoryChannelLayer())
        let gateway = try Gateway(log: log, configuration: configuration)
        if let tap {
            let secured = ConnectionPipeline.gated(.tls(try #require(gateway.certificates)))
            let tapped = ConnectionPipeline { channel, services, arrival in
                try channel.pipeline.syncOperations.addHandler(tap.handler())
                try secured.add(channel, services, arrival)
            }
            gateway.pipeline.withLock { $0 = tapped }
        }
        let port = try await gateway.start()
        var settings = HTTPClient.Configuration()
        settings.tlsConfiguration = .makeClientConfiguration()
        settings.tlsConfiguration?.trustRoots = try TestCertificate.trust()
        if version != "h2" { settings.httpVersion = .http1Only }
        let client = HTTPClient(configuration: settings)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(gateway, client, "https://localhost:\(port)")) } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        await gateway.stop()
        try outcome.get()
    }
}

/// All that goes to the socket.
private final class WireTap: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

    func handler() -> any ChannelHandler { Handler(tap: self) }

    private final class Handler: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let tap: WireTap

        init(tap: WireTap) {
            self.tap = tap
        }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            tap.bytes.withLock { $0 += unwrapOutboundIn(data).readableBytesView }
            context.write(data, promise: promise)
        }
    }
}
