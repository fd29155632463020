import AsyncHTTPClient
import Broker
import Foundation
import NIOCore
import Testing

@testable import Gateway

/// A certificate that changes is read again, and nobody loses a stream.
@Suite(.timeLimit(.minutes(1)))
struct CertificateReloadTests {
    @Test(arguments: [true, false])
    func `new connections get the new certificate, open streams go on`(isAsked: Bool) async throws {
        try await SecureServer.run { secure in
            try await secure.withClient { client in
                let stream = try await client.execute(
                    secure.request("/groups/test-group/events"),
                    timeout: .seconds(20)
                )
                var pieces = stream.body.makeAsyncIterator()
                var text = ""
                func read(until marker: String) async throws {
                    while !text.contains(marker) {
                        text += String(buffer: try #require(try await pieces.next(), "the stream ended"))
                    }
                }
                try await read(until: "stream-open")
                _ = try TestCertificate.write(to: secure.folder, isOther: true)
                if isAsked { try await secure.server.gateway.reload() }
                while (try? await secure.status("/healthz", trustsOther: true)) != 200 {}
                await #expect(throws: (any Error).self) { try await secure.status("/healthz") }
                try await secure.server.publish("after the change")
                try await read(until: "after the change")
            }
        }
    }

    @Test func `files that cannot be used change nothing`() async throws {
        try await SecureServer.run { secure in
            let certificates = try #require(secure.server.gateway.certificates)
            try Data(TestCertificate.otherKey.utf8).write(to: URL(fileURLWithPath: secure.files.key))
            certificates.look()
            certificates.look()
            await #expect(throws: GatewayError.self) { try await secure.server.gateway.reload() }
            #expect(try await secure.status("/healthz") == 200)
            // The other half comes.
            _ = try TestCertificate.write(to: secure.folder, isOther: true)
            certificates.look()
            certificates.look()
            #expect(try await secure.status("/healthz", trustsOther: true) == 200)
        }
    }
}
