import Foundation
import Testing

@testable import Gateway

/// A certificate that cannot be used is refused at the start, with what is wrong.
struct TLSFilesTests {
    private static func refusal(_ change: (inout TLSFiles) throws -> Void) async throws -> String {
        var message = ""
        try await StreamServer.withFolder { folder in
            var configuration = GatewayConfiguration()
            var files = try TestCertificate.write(to: folder)
            try change(&files)
            configuration.tls = files
            do throws(GatewayError) { try configuration.validate() } catch {
                #expect(error.code == .invalidConfiguration)
                message = error.message
            }
        }
        return message
    }

    private static func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    @Test func `what fits together is taken`() async throws {
        #expect(try await Self.refusal { _ in } == "")
    }

    @Test func `a file that is not there`() async throws {
        #expect(try await Self.refusal { $0.certificate += "x" }.hasPrefix("Cannot read '"))
        #expect(try await Self.refusal { $0.key += "x" }.hasSuffix("check that it exists and may be read (--tls-key)."))
        #expect(try await Self.refusal { $0.key = "/" }.hasPrefix("Cannot read '/'"))
    }

    @Test(arguments: ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
    func `no certificate`(text: String) async throws {
        #expect(try await Self.refusal { try Self.write(text, $0.certificate) }.contains("holds no certificate in PEM"))
    }

    @Test(arguments: ["", "hello", TestCertificate.certificate])
    func `no key`(text: String) async throws {
        #expect(try await Self.refusal { try Self.write(text, $0.key) }.contains("holds no private key in PEM"))
    }

    @Test(arguments: [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED",
    ])
    func `an encrypted key`(text: String) async throws {
        #expect(try await Self.refusal { try Self.write(text, $0.key) }.contains("is encrypted (--tls-key)"))
    }

    @Test func `a key of another certificate`() async throws {
        let message = try await Self.refusal { try Self.write(TestCertificate.otherKey, $0.key) }
        #expect(message.contains("does not belong to the certificate"))
    }
}
