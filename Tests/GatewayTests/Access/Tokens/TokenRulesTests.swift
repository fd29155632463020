import Broker
import CryptoExtras
import JWTKit
import NIOCore
import Testing

@testable import Gateway

struct TokenRulesTests {
    /// 2026-01-01T00:00:00Z
    private static let now = Timestamp(milliseconds: 1_767_225_600_000)
    private static let seconds = 1_767_225_600

    private static func snapshot(_ documents: String...) async throws -> KeySnapshot {
        var keys: [VerificationKey] = []
        for document in documents { keys += try await KeyDocument.keys(in: Array(document.utf8)) }
        return KeySnapshot().next(keys: keys, apiKeys: APIKeyFile()).snapshot
    }

    private static func verify(
        _ token: String,
        _ keys: KeySnapshot,
        _ configure: (inout AccessConfiguration) -> Void = { _ in }
    ) throws -> VerifiedToken {
        var configuration = AccessConfiguration()
        configure(&configuration)
        return try TokenRules(configuration).verify(token, keys, now: now)
    }

    /// Why a token with these claims is refused; nil where it is not.
    private func fault(
        _ claims: String,
        header: String = #"{"alg":"HS256"}"#,
        _ configure: (inout AccessConfiguration) -> Void = { _ in }
    ) async throws -> String? {
        let keys = try await Self.snapshot(TokenMaker.secret)
        do {
            _ = try Self.verify(TokenMaker.token(claims, header: header), keys, configure)
            return nil
        } catch let fault as TokenFault {
            return fault.why
        }
    }

    @Test func `a token grants what its claims say`() async throws {
        let keys = try await Self.snapshot(TokenMaker.secret)
        let token = try Self.verify(
            TokenMaker.token(
                #"""
                {"sub":"u42","exp":\#(Self.seconds + 60),"notify":{"publish":["orders.*",7,"a b"],"subscribe":["news"],
                "delete":["*"],"admin":true,"layer":false,"info":{"name":"Ann",  "x":[1, 2]}},"other":{"a":[1]}}
                """#
            ),
            keys
        )
        #expect(token.user == "u42")
        #expect(token.endsAt == Timestamp(milliseconds: Self.now.milliseconds + 90_000))
        #expect(token.info.map { String(buffer: $0) } == #"{"name":"Ann","x":[1,2]}"#)
        let rights = token.rights
        #expect(rights.grant(.publish, .group(try GroupName("orders.1"))))
        #expect(!rights.grant(.publish, .group(try GroupName("news"))))
        #expect(rights.grant(.subscribe, .group(try GroupName("news"))))
        #expect(!rights.grant(.subscribe, .pattern("news*")))
        #expect(rights.grant(.delete, .pattern("x.*")))
        #expect(rights.admin && !rights.layer)
    }

    @Test func `Mercure's claims are read as patterns`() async throws {
        let keys = try await Self.snapshot(TokenMaker.secret)
        let token = try Self.verify(TokenMaker.token(#"{"mercure":{"publish":["*"],"subscribe":["a.*"]}}"#), keys)
        #expect(token.rights.grant(.publish, .group(try GroupName("x"))))
        #expect(token.rights.grant(.subscribe, .pattern("a.b*")))
        #expect(token.endsAt == nil)
    }

    @Test(
        arguments: [
            (0, nil), (-29, nil), (-30, "expired"), (-31, "expired"),
        ]
    )
    func `a token ends at exp and the leeway`(offset: Int, why: String?) async throws {
        let fault = try await fault(#"{"exp":\#(Self.seconds + offset)}"#)
        #expect(why.map { fault?.contains($0) == true } ?? (fault == nil), "\(fault ?? "")")
    }

    @Test func `times are judged with the leeway`() async throws {
        #expect(try await fault(#"{"nbf":\#(Self.seconds + 30)}"#) == nil)
        #expect(try await fault(#"{"nbf":\#(Self.seconds + 31)}"#)?.contains("nbf") == true)
        #expect(try await fault(#"{"nbf":\#(Self.seconds + 1)}"#) { $0.leeway = .zero }?.contains("nbf") == true)
        #expect(try await fault(#"{"iat":\#(Self.seconds + 31)}"#)?.contains("iat") == true)
        #expect(try await fault(#"{"exp":\#(Self.seconds)}"#) { $0.leeway = .zero }?.contains("expired") == true)
        #expect(try await fault(#"{"exp":\#(Self.seconds).5}"#) { $0.leeway = .zero } == nil)
        #expect(try await fault(#"{"exp":1e300}"#) == nil)
        #expect(try await fault(#"{"exp":-1e300}"#)?.contains("expired") == true)
        let short: (inout AccessConfiguration) -> Void = { $0.maximumLifetime = .seconds(60) }
        #expect(try await fault(#"{"exp":\#(Self.seconds + 60)}"#, short) == nil)
        #expect(try await fault(#"{"exp":\#(Self.seconds + 61)}"#, short)?.contains("max-lifetime") == true)
        #expect(try await fault(#"{}"#, short)?.contains("max-lifetime") == true)
    }

    @Test func `issuer and audience are required where they are set`() async throws {
        let strict: (inout AccessConfiguration) -> Void = { ($0.issuer, $0.audience) = ("me", "notify") }
        #expect(try await fault(#"{"iss":"me","aud":"notify"}"#, strict) == nil)
        #expect(try await fault(#"{"iss":"me","aud":["x","notify"]}"#, strict) == nil)
        #expect(try await fault(#"{"iss":"other","aud":"notify"}"#, strict)?.contains("iss") == true)
        #expect(try await fault(#"{"aud":"notify"}"#, strict)?.contains("iss") == true)
        #expect(try await fault(#"{"iss":"me","aud":["x"]}"#, strict)?.contains("aud") == true)
        #expect(try await fault(#"{"iss":"me"}"#, strict)?.contains("aud") == true)
    }

    @Test(
        arguments: [
            "[]", "x", "", "{\"exp\":\"soon\"}", "{\"exp\":null}", "{\"sub\":1}", "{\"notify\":[]}",
            "{\"notify\":{\"publish\":\"*\"}}", "{\"notify\":{\"admin\":1}}", "{\"exp\":1,\"exp\":99999999999}",
            "{\"notify\":{\"admin\":false,\"admin\":true}}", "{\"aud\":5}", "{} {}",
        ]
    )
    func `claims of another shape are refused`(claims: String) async throws {
        #expect(try await fault(claims) != nil)
    }

    @Test func `too much info is refused`() async throws {
        let long = String(repeating: "x", count: 1022)
        #expect(try await fault(#"{"notify":{"info":"\#(long)"}}"#) == nil)
        #expect(try await fault(#"{"notify":{"info":"\#(long)y"}}"#)?.contains("1024") == true)
    }

    @Test(
        arguments: [
            #"{"alg":"none"}"#, #"{"alg":"None"}"#, #"{"alg":"RS256"}"#, #"{"alg":"hs256"}"#, #"{}"#, #"{"alg":5}"#,
            "[]",
            #"{"alg":"HS256","crit":["exp"]}"#, #"{"alg":"HS256","crit":[]}"#, #"{"alg":"HS256","alg":"HS256"}"#,
        ]
    )
    func `headers of another kind are refused`(header: String) async throws {
        #expect(try await fault("{}", header: header) != nil)
    }

    @Test func `what is no token is refused`() async throws {
        let keys = try await Self.snapshot(TokenMaker.secret)
        let good = TokenMaker.token("{}")
        _ = try Self.verify(good, keys)
        let parts = good.split(separator: ".").map(String.init)
        for bad in [
            "", ".", "..", "a.b", good + ".", good + "=", " " + good, "\(parts[0]).\(parts[1]).",
            "\(parts[0]).\(parts[1])",
            "\(parts[0])..\(parts[2])", "nk_unknown", TokenMaker.token("{}", secret: TokenMaker.secret + "x"),
            "\(parts[0]).\(TokenMaker.encode(Array("{ }".utf8))).\(parts[2])",
        ] {
            #expect(throws: TokenFault.self) { try Self.verify(bad, keys) }
        }
    }

    @Test func `each kind of key takes its own algorithms only`() async throws {
        let rsa = try JWTKit.Insecure.RSA.PrivateKey(backing: .init(keySize: .bits2048))
        let (p256, p384, ed25519) = (ES256PrivateKey(), ES384PrivateKey(), try EdDSA.PrivateKey())
        let kinds: [(String, [JWTKeyCollection])] = [
            (
                rsa.publicKey.pemRepresentation,
                [
                    await JWTKeyCollection().add(rsa: rsa, digestAlgorithm: .sha256),
                    await JWTKeyCollection().add(rsa: rsa, digestAlgorithm: .sha384),
                    await JWTKeyCollection().add(rsa: rsa, digestAlgorithm: .sha512),
                    await JWTKeyCollection().add(pss: rsa, digestAlgorithm: .sha256),
                    await JWTKeyCollection().add(pss: rsa, digestAlgorithm: .sha384),
                    await JWTKeyCollection().add(pss: rsa, digestAlgorithm: .sha512),
                ]
            ),
            (p256.publicKey.pemRepresentation, [await JWTKeyCollection().add(ecdsa: p256)]),
            (p384.publicKey.pemRepresentation, [await JWTKeyCollection().add(ecdsa: p384)]),
            (ed25519.publicKey.pemRepresentation, [await JWTKeyCollection().add(eddsa: ed25519)]),
        ]
        for (index, (pem, signers)) in kinds.enumerated() {
            let own = try await Self.snapshot(pem)
            let others = try await Self.snapshot(kinds[(index + 1) % kinds.count].0, TokenMaker.secret)
            for signer in signers {
                let token = try await TokenMaker.token(signer)
                #expect(try Self.verify(token, own).user == "u42")
                #expect(throws: TokenFault.self) { try Self.verify(token, others) }
                let (head, tail) = (token.dropLast(8), token.suffix(8))
                #expect(throws: TokenFault.self) { try Self.verify(head + String(tail.reversed()), own) }
            }
            // The public key, which everybody knows, is no secret.
            #expect(throws: TokenFault.self) { try Self.verify(TokenMaker.token("{}", secret: pem), own) }
        }
    }

    @Test func `a key is chosen by its id, and those without one fit all`() async throws {
        func jwk(_ id: String, _ secret: String, _ rest: String = "") -> String {
            #"{"kty":"oct","kid":"\#(id)","k":"\#(TokenMaker.encode(Array(secret.utf8)))"\#(rest)}"#
        }
        let (one, two) = (String(repeating: "1", count: 32), String(repeating: "2", count: 32))
        let keys = try await Self.snapshot("{\"keys\":[\(jwk("a", one)),\(jwk("b", two)),{\"kty\":\"XX\"},7]}")
        func header(_ id: String) -> String { #"{"alg":"HS256","kid":"\#(id)"}"# }
        #expect(throws: Never.self) { try Self.verify(TokenMaker.token("{}", header: header("b"), secret: two), keys) }
        #expect(throws: Never.self) { try Self.verify(TokenMaker.token("{}", secret: two), keys) }
        for (id, secret) in [("a", two), ("c", two)] {
            #expect(throws: TokenFault.self) {
                try Self.verify(TokenMaker.token("{}", header: header(id), secret: secret), keys)
            }
        }
        let pinned = try await Self.snapshot(jwk("a", one, #","alg":"HS512""#))
        #expect(throws: TokenFault.self) { try Self.verify(TokenMaker.token("{}", secret: one), pinned) }
        let withPEM = try await Self.snapshot("{\"keys\":[\(jwk("a", one))]}", two)
        #expect(throws: Never.self) {
            try Self.verify(TokenMaker.token("{}", header: header("z"), secret: two), withPEM)
        }
    }
}
