import NIOHTTP1
import Testing

@testable import Gateway

struct TokenSourceTests {
    @Test(
        arguments: [
            (["Bearer abc"], TokenSource.Finding.token("abc")), (["bearer  abc "], .token("abc")),
            (["BEARER a b"], .token("a b")), (["Basic abc"], .none), (["Bearerabc"], .none), ([], .none),
        ]
    )
    func `the header`(values: [String], expected: TokenSource.Finding) {
        let fields = AccessFields(HTTPHeaders(values.map { ("Authorization", $0) }))
        #expect(TokenSource.authorization(fields) == expected)
    }

    @Test(arguments: [["Bearer"], ["Bearer "], ["Bearer a", "Bearer a"], ["Bearer a", "Basic b"]])
    func `a header that is none`(values: [String]) {
        let fields = AccessFields(HTTPHeaders(values.map { ("Authorization", $0) }))
        guard case .malformed = TokenSource.authorization(fields) else {
            Issue.record("\(values)")
            return
        }
    }

    @Test(
        arguments: [
            (["notify_token=abc"], TokenSource.Finding.token("abc")), (["a=b; notify_token=abc; c=d"], .token("abc")),
            (["a=b", "notify_token=\"abc\""], .token("abc")), (["notify_token="], .none),
            (["xnotify_token=abc"], .none),
            (["notify_tokens=abc"], .none), (["notify_token"], .none), ([], .none),
            (["notify_token=1;notify_token=2"], .token("1")),
        ]
    )
    func `the cookie`(values: [String], expected: TokenSource.Finding) {
        #expect(TokenSource.cookie("notify_token", HTTPHeaders(values.map { ("cookie", $0) })) == expected)
    }

    @Test(
        arguments: [
            ("/e?access_token=abc", TokenSource.Finding.token("abc"), "/e"),
            ("/e?a=1&access_token=a%2Eb&b=2", .token("a.b"), "/e?a=1&b=2"), ("/e?a=1", .none, "/e?a=1"),
            ("/e", .none, "/e"),
            ("/e?xaccess_token=1", .none, "/e?xaccess_token=1"), ("/e?access_tokens=1", .none, "/e?access_tokens=1"),
        ]
    )
    func `the address loses its token`(uri: String, expected: TokenSource.Finding, rest: String) {
        var uri = uri
        #expect(TokenSource.takeParameter(from: &uri) == expected)
        #expect(uri == rest)
    }

    @Test(arguments: ["/e?access_token=", "/e?access_token=a&access_token=a", "/e?access_token=%"])
    func `an address whose token is none`(uri: String) {
        var uri = uri
        guard case .malformed = TokenSource.takeParameter(from: &uri) else {
            Issue.record("\(uri)")
            return
        }
        #expect(uri == "/e")
    }
}
