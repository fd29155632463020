import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import NotifyClient
import Testing

@testable import Gateway

/// A port with a certificate: who may speak to it, and who is ended.
@Suite(.timeLimit(.minutes(1)))
struct SecurePortTests {
    @Test func `a client of TLS is told that a port is plain`() async throws {
        try await TestServer.run { server in
            let client = try NotifyClient(url: "https://localhost:\(server.port)")
            do {
                _ = try await client.groups()
                Issue.record("it was answered")
            } catch let error as NotifyClientError {
                #expect(error.message.contains("does not speak TLS"), "\(error)")
            }
            try await client.shutdown()
        }
    }

    @Test(arguments: [[], [0x16], [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]] as [[UInt8]])
    func `a client that stalls before or in the handshake is closed`(bytes: [UInt8]) async throws {
        try await SecureServer.run({ $0.headTimeout = .seconds(2) }) { secure in
            let connection = try await secure.server.connect()
            await connection.send(bytes)
            _ = try await connection.end()
            try await eventually { secure.server.gateway.counters.connections.value == 0 }
        }
    }

    @Test(arguments: ["h2", "http/1.1"])
    func `a client that stalls after the handshake is closed`(version: String) async throws {
        try await SecureServer.run({ $0.headTimeout = .seconds(2) }) { secure in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = try TestCertificate.trust()
            configuration.applicationProtocols = [version]
            let context = try NIOSSLContext(configuration: configuration)
            let client = try await SilentClient.connect(port: secure.server.port) {
                try NIOSSLClientHandler(context: context, serverHostname: "localhost")
            }
            try await eventually { secure.server.gateway.counters.connections.value == 1 }
            try await client.closed()
            try await eventually { secure.server.gateway.counters.connections.value == 0 }
        }
    }

    @Test func `plain HTTP is told that the port speaks HTTPS`() async throws {
        try await SecureServer.run { secure in
            let response = try await secure.server.get("/healthz")
            try expectProblem(response, 400, "https://")
            #expect(response.closes)
        }
    }

    @Test func `garbage is closed`() async throws {
        try await SecureServer.run { secure in
            let connection = try await secure.server.connect()
            await connection.send([UInt8](repeating: 0, count: 100))
            _ = try await connection.end()
        }
    }

    @Test(arguments: [TLSVersion.tlsv11, .tlsv12, .tlsv13])
    func `versions of TLS`(version: TLSVersion) async throws {
        try await SecureServer.run { secure in
            let status = try? await secure.withClient {
                $0.tlsConfiguration?.minimumTLSVersion = .tlsv1
                $0.tlsConfiguration?.maximumTLSVersion = version
            } _: { client in
                try await client.execute(secure.request("/healthz"), timeout: .seconds(20)).status.code
            }
            #expect(status == (version == .tlsv11 ? nil : 200))
        }
    }

    /// The scheme is that of the connection.
    @Test func `the server's own pages have an origin of https`() async throws {
        try await SecureServer.run { secure in
            let host = "localhost:\(secure.server.port)"
            let own = try await secure.status("/groups", [("origin", "https://\(host)")])
            #expect(own == 200)
            #expect(try await secure.status("/groups", [("origin", "http://\(host)")]) == 403)
            let page = [("origin", "https://localhost"), ("host", "localhost:443")]
            #expect(try await secure.status("/groups", page) == 200)
        }
    }

    @Test func `a failed handshake is counted`() async throws {
        try await SecureServer.run { secure in
            await #expect(throws: (any Error).self) { try await secure.status("/healthz", trustsOther: true) }
            try await eventually { secure.server.gateway.counters.failedHandshakes.value > 0 }
        }
    }
}
