import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import Synchronization

/// Requests with an answer that fits memory, and the opening of streams; turns every failure into the client's error.
final class Transport: Sendable {
    let server: ServerAddress
    let configuration: NotifyClient.Configuration
    private let http: HTTPClient
    private let closed = Mutex(false)

    /// The most bytes of an answer: a page of 1000 messages of some size. Larger ones want a smaller `limit`.
    private static let maximumAnswer = 256 * 1024 * 1024

    /// - Throws: ``NotifyClientError`` with the code `invalidArgument` where there are no trusted certificates in the file.
    init(server: ServerAddress, configuration: NotifyClient.Configuration) throws(NotifyClientError) {
        self.server = server
        self.configuration = configuration
        var settings = HTTPClient.Configuration()
        // A redirected POST would arrive as a GET, or twice.
        settings.redirectConfiguration = .disallow
        settings.timeout.connect = TimeAmount(configuration.connectTimeout)
        // The subscription decides when to reconnect: a refused connection is an answer.
        settings.connectionPool.retryConnectionEstablishment = false
        // Shorter than servers and proxies keep idle connections: a publish on one that is just being closed is lost.
        settings.connectionPool.idleTimeout = .seconds(10)
        // Each stream holds a connection for good; at the default of 8 the ninth would wait for ever.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        if let path = configuration.trustedCertificates {
            settings.tlsConfiguration = .makeClientConfiguration()
            settings.tlsConfiguration?.trustRoots = .certificates(try Self.certificates(path))
        }
        http = HTTPClient(configuration: settings)
    }

    private static func certificates(_ path: String) throws(NotifyClientError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do { certificates = try NIOSSLCertificate.fromPEMFile(path) } catch {
            throw noCertificates(path, error)
        }
        guard !certificates.isEmpty else { throw noCertificates(path, nil) }
        return certificates
    }

    private static func noCertificates(_ path: String, _ error: (any Error)?) -> NotifyClientError {
        NotifyClientError(
            .invalidArgument,
            "'\(path.onOneLine(limit: 200))' holds no certificates in PEM that could be trusted: give another file.",
            underlying: error
        )
    }

    var isClosed: Bool { closed.withLock { $0 } }

    func shutdown() async throws {
        closed.withLock { $0 = true }
        do {
            try await http.shutdown()
        } catch let error as HTTPClientError where error == .alreadyShutdown {
            // The promise is that the client is shut down, and it is.
        }
    }

    /// Sends a request and reads the whole answer, all within the configured time.
    ///
    /// - Throws: ``NotifyClientError``, also for an answer that is no success; `CancellationError`.
    func answer<Answer: Decodable & Sendable>(
        to request: HTTPClientRequest,
        as type: Answer.Type
    ) async throws -> Answer {
        let (response, body) = try await accepted(request)
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch {
            throw NotifyClientError(
                .invalidResponse,
                "\(server) answered something that is no answer of a Notify server: check the address.",
                status: Int(response.status.code),
                underlying: error
            )
        }
    }

    /// Sends a request whose answer says nothing but that it was done.
    func finish(_ request: HTTPClientRequest) async throws {
        _ = try await accepted(request)
    }

    private func accepted(_ request: HTTPClientRequest) async throws -> (HTTPClientResponse, ByteBuffer) {
        let (response, body) = try await exchange(request)
        guard (200..<300).contains(response.status.code) else {
            throw NotifyClientError.answer(
                status: response.status,
                headers: response.headers,
                body: body,
                server: server
            )
        }
        return (response, body)
    }

    private func exchange(_ request: HTTPClientRequest) async throws -> (HTTPClientResponse, ByteBuffer) {
        let late = NotifyClientError(
            .timedOut,
            "\(server) did not answer within \(configuration.requestTimeout): try again, and look at the server's load."
        )
        do {
            return try await withTimeLimit(configuration.requestTimeout, else: late) { [http] in
                let response = try await http.execute(request, deadline: .distantFuture)
                do {
                    return (response, try await response.body.collect(upTo: Self.maximumAnswer))
                } catch  where response.status.code >= 400 && !(error is NIOTooManyBytesError) && !Task.isCancelled {
                    // A refusal that came while the request's body was still being sent: the HTTP client may give up the
                    // connection before it has passed the rest of the answer on. The status says enough.
                    return (response, ByteBuffer())
                }
            }
        } catch let error as NIOTooManyBytesError {
            throw NotifyClientError(
                .eventTooLarge,
                "The answer is over \(Self.maximumAnswer) bytes: ask for fewer messages with a smaller limit.",
                underlying: error
            )
        } catch {
            try Task.checkCancellation()
            throw isClosed ? NotifyClientError.closed : NotifyClientError.transport(error, server: server)
        }
    }

    /// Asks for a stream; the answer's body is left to be read.
    func open(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let late = NotifyClientError(.timedOut, "\(server) did not begin the stream in time.")
        do {
            return try await withTimeLimit(configuration.requestTimeout, else: late) { [http] in
                try await http.execute(request, deadline: .distantFuture)
            }
        } catch {
            try Task.checkCancellation()
            throw isClosed ? NotifyClientError.closed : NotifyClientError.transport(error, server: server)
        }
    }

    /// What a server that refuses a stream says about it, as far as it fits a sentence.
    func refusal(in response: HTTPClientResponse) async throws -> NotifyClientError {
        let late = NotifyClientError(.timedOut, "\(server) did not finish its answer in time.")
        let body =
            (try? await withTimeLimit(configuration.requestTimeout, else: late) {
                try await response.body.collect(upTo: 64 * 1024)
            }) ?? ByteBuffer()
        try Task.checkCancellation()
        return NotifyClientError.answer(
            status: response.status,
            headers: response.headers,
            body: body,
            server: server
        )
    }

    func request(
        _ method: HTTPMethod = .GET,
        path: [String],
        query: [(name: String, value: String?)] = []
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: server.url(path: path, query: query))
        request.method = method
        if server.isLocalSocket { request.headers.add(name: "host", value: "localhost") }
        if let token = configuration.token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return request
    }
}

extension HTTPClientRequest.Body {
    /// A body that is sent piece by piece where it is large: a server that refuses it may answer before all of it has come,
    /// and while a single large write is under way, the HTTP client takes that for a broken connection.
    static func pieces(_ bytes: ByteBuffer) -> HTTPClientRequest.Body {
        guard bytes.readableBytes > Pieces.size else { return .bytes(bytes) }
        return .stream(Pieces(rest: bytes), length: .known(Int64(bytes.readableBytes)))
    }

    private struct Pieces: AsyncSequence, AsyncIteratorProtocol, Sendable {
        static let size = 64 << 10

        var rest: ByteBuffer

        func makeAsyncIterator() -> Pieces { self }

        mutating func next() async -> ByteBuffer? {
            rest.readableBytes > 0 ? rest.readSlice(length: Swift.min(Self.size, rest.readableBytes)) : nil
        }
    }
}
