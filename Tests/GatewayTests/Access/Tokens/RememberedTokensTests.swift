import Testing

@testable import Gateway

struct RememberedTokensTests {
    private let keys = KeySnapshot()
    private let token = VerifiedToken(digest: [], rights: .none, key: AccessKey())

    private func digest(_ number: Int) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }

    @Test func `memory stays bounded while tokens never end`() {
        var tokens = RememberedTokens(limit: 100)
        for number in 0..<100_000 {
            tokens.remember(token, as: digest(number), keys)
            #expect(tokens.count <= 100)
        }
    }

    @Test func `what is used stays`() {
        var tokens = RememberedTokens(limit: 100)
        tokens.remember(token, as: digest(-1), keys)
        for number in 0..<1000 {
            tokens.remember(token, as: digest(number), keys)
            #expect(tokens.find(digest(-1), keys) === token)
        }
        #expect(tokens.find(digest(0), keys) == nil)
    }

    @Test func `other keys, other tokens`() {
        var tokens = RememberedTokens(limit: 100)
        tokens.remember(token, as: digest(1), keys)
        #expect(tokens.find(digest(1), KeySnapshot()) == nil)
        #expect(tokens.count == 0)
    }

    @Test func `what was forgotten is not found`() {
        var tokens = RememberedTokens(limit: 4)
        for number in 0..<4 { tokens.remember(token, as: digest(number), keys) }
        for number in 0..<4 { tokens.forget(digest(number)) }
        #expect(tokens.count == 0)
    }
}
