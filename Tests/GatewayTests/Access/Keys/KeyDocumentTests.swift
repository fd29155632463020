import Foundation
import JWTKit
import Testing

@testable import Gateway

struct KeyDocumentTests {
    private func algorithms(_ text: String, isSet: Bool = false) async throws -> [String] {
        try await KeyDocument.keys(in: Array(text.utf8), isSet: isSet).flatMap { $0.algorithms.keys.sorted() }
    }

    private func fault(_ text: String, isSet: Bool = false) async -> String {
        do throws(KeyDocument.Fault) {
            _ = try await KeyDocument.keys(in: Array(text.utf8), isSet: isSet)
            return ""
        } catch {
            return error.why
        }
    }

    @Test func `a secret ends before one newline`() async throws {
        let secret = String(repeating: "s", count: 32)
        for text in [secret, secret + "\n", secret + "\r\n"] {
            let keys = try await KeyDocument.keys(in: Array(text.utf8))
            #expect(keys.map(\.identity) == [VerificationKey(secret: Array(secret.utf8)).identity])
        }
        let other = try await KeyDocument.keys(in: Array((secret + "\n\n").utf8))
        #expect(other.map(\.identity) != [VerificationKey(secret: Array(secret.utf8)).identity])
        #expect(await fault(String(repeating: "s", count: 31)).contains("too short: 31"))
        #expect(await fault(String(repeating: "s", count: 31) + "\n").contains("too short: 31"))
        #expect(await fault("").contains("too short: 0"))
        #expect(await fault(secret, isSet: true).contains("no JWK set"))
    }

    @Test func `public keys and certificates as PEM`() async throws {
        let p256 = ES256PrivateKey()
        #expect(try await algorithms(p256.publicKey.pemRepresentation) == ["ES256"])
        #expect(try await algorithms(ES384PrivateKey().publicKey.pemRepresentation) == ["ES384"])
        #expect(try await algorithms(EdDSA.PrivateKey().publicKey.pemRepresentation) == ["EdDSA"])
        #expect(try await algorithms(TestCertificate.certificate) == ["ES256"])
        #expect(await fault(p256.pemRepresentation).contains("private key"))
        #expect(await fault("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").contains("no public key"))
        #expect(await fault("-----BEGIN ").contains("no public key"))
        #expect(await fault(ES512PrivateKey().publicKey.pemRepresentation).contains("P-256"))
    }

    @Test func `keys that are JSON`() async throws {
        let p256 = ES256PrivateKey().publicKey
        let parameters = try #require(p256.parameters)
        func url(_ text: String) -> String {
            text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let (x, y) = (url(parameters.x), url(parameters.y))
        let key = #"{"kty":"EC","crv":"P-256","x":"\#(x)","y":"\#(y)""#
        #expect(try await algorithms(key + "}") == ["ES256"])
        #expect(try await algorithms(key + #","alg":"ES256","use":"sig"}"#) == ["ES256"])
        #expect(await fault(key + #","alg":"ES384"}"#).contains("ES384"))
        #expect(await fault(key + #","use":"enc"}"#).contains("use"))
        #expect(await fault(#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#).contains("damaged"))
        #expect(await fault(#"{"kty":"RSA"}"#).contains("damaged"))
        #expect(await fault(#"{"kty":"oct","k":"c2hvcnQ"}"#).contains("32 bytes"))
        #expect(await fault(#"{"kty":"EC","crv":"P-521"}"#).contains("P-384"))
        #expect(await fault("{}").contains("neither"))
        #expect(await fault("{").contains("neither"))
        #expect(await fault(#"{"keys":[]}"#).contains("no keys"))
        // An address that gives an empty set says that its issuer has taken all keys away.
        #expect(try await algorithms(#"{"keys":[]}"#, isSet: true) == [])
        #expect(try await algorithms(#"{"keys":[{"kty":"zz"}]}"#, isSet: true) == [])
        #expect(try await algorithms(#"{"keys":[{"kty":"zz"},\#(key)}]}"#, isSet: true) == ["ES256"])
        #expect(await fault(#"{"keys":[{"kty":"zz"}]}"#) != "")
        let many = Array(repeating: key + "}", count: 101).joined(separator: ",")
        #expect(await fault("{\"keys\":[\(many)]}").contains("more than 100"))
    }

    @Test func `a public key in another form is no secret`() async throws {
        let pem = ES256PrivateKey().publicKey.pemRepresentation
        let base64 = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        #expect(await fault(base64).contains("form that is not taken"))
        let der = try #require(Data(base64Encoded: base64))
        do throws(KeyDocument.Fault) {
            _ = try await KeyDocument.keys(in: Array(der))
            Issue.record("taken as a secret")
        } catch {
            #expect(error.why.contains("PEM"))
        }
        for text in ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFxyz", "[{\"kty\":\"oct\"}, {\"kty\":\"oct\"}]"] {
            #expect(await fault(text).contains("form that is not taken"))
        }
        #expect(
            try await algorithms(
                "\u{FEFF}" + #"{"kty":"oct","k":"\#(TokenMaker.encode(Array(repeating: 1, count: 32)))"}"#
            ).count == 3
        )
        #expect(try await algorithms(String(repeating: "0123456789abcdef", count: 4)).count == 3)
    }

    @Test func `an API key stands in its file once`() throws {
        let digest = APIKeyFile.digest(of: "nk_a")
        let entries = [APIKeyFile.Entry(name: "a", sha256: digest), .init(name: "b", sha256: digest.uppercased())]
        let twice = try JSONEncoder().encode(APIKeyFile(keys: entries))
        let error = #expect(throws: GatewayError.self) { try APIKeyFile(twice) }
        #expect(error?.message.contains("'b' comes twice") == true)
        #expect(throws: GatewayError.self) { try APIKeyFile(Data(#"{"keys":[{"name":"a","sha256":"zz"}]}"#.utf8)) }
        #expect(throws: GatewayError.self) { try APIKeyFile(Data("[]".utf8)) }
    }

    @Test func `the largest document`() async {
        #expect(await fault(String(repeating: "x", count: (1 << 20) + 1)).contains("1 MiB"))
    }
}
