import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL

@testable import Gateway

/// A ``TestServer`` with a certificate, and clients of it.
struct SecureServer: Sendable {
    let server: TestServer
    let folder: String
    let files: TLSFiles

    var url: String { "https://localhost:\(server.port)" }

    static func run(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in },
        _ body: (SecureServer) async throws -> Void
    ) async throws {
        try await StreamServer.withFolder { folder in
            let files = try TestCertificate.write(to: folder)
            let change: (inout GatewayConfiguration) -> Void = { configuration in
                configuration.tls = files
                configuration.grace = .seconds(2)
                configure(&configuration)
            }
            try await TestServer.run(change) { server in
                try await body(SecureServer(server: server, folder: folder, files: files))
            }
        }
    }

    /// Runs a body with a client that trusts one certificate.
    func withClient<Value>(
        isOther: Bool = false,
        _ configure: (inout HTTPClient.Configuration) -> Void = { _ in },
        _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        var settings = HTTPClient.Configuration()
        settings.tlsConfiguration = .makeClientConfiguration()
        settings.tlsConfiguration?.trustRoots = try TestCertificate.trust(isOther: isOther)
        configure(&settings)
        let client = HTTPClient(configuration: settings)
        do {
            let value = try await body(client)
            try await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    func request(_ path: String, _ headers: [(String, String)] = [], method: HTTPMethod = .GET) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: url + path)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return request
    }

    /// The status of a request on a connection of its own.
    func status(_ path: String, _ headers: [(String, String)] = [], trustsOther: Bool = false) async throws -> Int {
        try await withClient(isOther: trustsOther) { client in
            Int(try await client.execute(request(path, headers), timeout: .seconds(20)).status.code)
        }
    }
}
