import Broker
import Testing

/// What a publish is refused for. Nothing of it is stored or delivered.
@Suite(.timeLimit(.minutes(1)))
struct PublishRefusalTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var query = ""
        var headers: [String] = []
        var body: [UInt8]
        var status = 400
        let words: String

        init(
            _ name: String,
            query: String = "",
            _ headers: [String] = [],
            _ body: String = "x",
            bytes: [UInt8] = [],
            status: Int = 400,
            words: String
        ) {
            testDescription = name
            (self.query, self.headers, self.status, self.words) = (query, headers, status, words)
            self.body = Array(body.utf8) + bytes
        }
    }

    private static let json = ["Content-Type: application/json"]
    private static let form = ["Content-Type: application/x-www-form-urlencoded"]
    private static let multipart = ["Content-Type: multipart/form-data; boundary=b"]

    private static func part(_ name: String, _ value: String) -> String {
        "--b\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
    }

    private static let bodies = [
        Refusal("empty body", [], "", words: "Send it as the body"),
        Refusal("empty form", form, "", words: "form field data"),
        Refusal("form without data", form, "event=e", words: "form field data"),
        Refusal("empty JSON", json, "", words: "empty"),
        Refusal("JSON without data", json, "{}", words: "\"data\""),
        Refusal("multipart without data", multipart, part("event", "e") + "--b--", words: "form field data"),
        Refusal("not UTF-8", [], "", bytes: [0x61, 0xFF], words: "UTF-8"),
        Refusal("UTF-8 cut short", [], "", bytes: [0xF0, 0x9F, 0x98], words: "UTF-8"),
        Refusal("surrogate in UTF-8", [], "", bytes: [0xED, 0xA0, 0x80], words: "UTF-8"),
        Refusal("overlong UTF-8", [], "", bytes: [0xC0, 0x80], words: "UTF-8"),
        Refusal("form, not UTF-8 in escapes", form, "data=%FF", words: "UTF-8"),
        Refusal("form, not UTF-8 as bytes", form, "data=", bytes: [0xFF], words: "UTF-8"),
        Refusal("form, broken escape", form, "data=%4", words: "percent escape"),
        Refusal("form, no escape", form, "data=%zz", words: "percent escape"),
        Refusal("form, field twice", form, "data=a&data=b", words: "twice"),
        Refusal("form, unknown field", form, "data=a&colour=red", words: "'colour'"),
        Refusal("form, curl -d with text", form, "hello", words: "text/plain"),
        Refusal("form, curl -d with JSON", form, #"{"data":"x"}"#, words: "application/json"),
        Refusal("multipart, not UTF-8", multipart, part("data", "x"), bytes: binaryPart, words: "UTF-8"),
        Refusal("multipart, no boundary", ["Content-Type: multipart/form-data"], "x", words: "boundary"),
        Refusal("multipart, other boundary", multipart, "--c\r\n\r\n\r\n--c--", words: "boundary"),
        Refusal("multipart, never ends", multipart, part("data", "x"), words: "multipart"),
        Refusal("multipart, part without a name", multipart, "--b\r\nA: b\r\n\r\nx\r\n--b--", words: "multipart"),
    ]

    private static let binaryPart: [UInt8] =
        Array("--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\n".utf8) + [0xFF] + Array("\r\n--b--".utf8)

    private static let objects = [
        Refusal("malformed", json, "{\"data\":", words: "not JSON"),
        Refusal("a string alone", json, "\"x\"", words: "object"),
        Refusal("an array", json, "[]", words: "object"),
        Refusal("text after it", json, "{\"data\":1} x", words: "at byte 11"),
        Refusal("single quotes", json, "{'data':1}", words: "not JSON"),
        Refusal("trailing comma", json, "{\"data\":1,}", words: "not JSON"),
        Refusal("leading zero", json, "{\"data\":01}", words: "not JSON"),
        Refusal("NaN", json, "{\"data\":NaN}", words: "not JSON"),
        Refusal("raw line break", json, "{\"data\":\"a\nb\"}", words: "control character"),
        Refusal("byte order mark", json, "\u{FEFF}{\"data\":1}", words: "not JSON"),
        Refusal("unknown key", json, "{\"data\":1,\"colour\":2,\"size\":{}}", words: "'colour'"),
        Refusal("repeated key", json, "{\"data\":1,\"d\\u0061ta\":2}", words: "'data' comes twice"),
        Refusal("event that is no string", json, "{\"data\":1,\"event\":2}", words: "must be a string"),
        Refusal("not UTF-8", json, "{\"data\":\"", bytes: [0xFF] + Array("\"}".utf8), words: "UTF-8"),
        Refusal(
            "not UTF-8 in an object",
            json,
            "{\"data\":{\"a\":\"",
            bytes: [0xFF] + Array("\"}}".utf8),
            words: "UTF-8"
        ),
        Refusal("lone high surrogate", json, "{\"data\":\"\\ud83d\"}", words: "surrogate"),
        Refusal("lone low surrogate", json, "{\"data\":\"\\ude00\"}", words: "surrogate"),
        Refusal("surrogates in the wrong order", json, "{\"data\":\"\\ude00\\ud83d\"}", words: "surrogate"),
        Refusal("lone surrogate in an object", json, "{\"data\":[\"\\ud83d\"]}", words: "surrogate"),
        Refusal("escape with a sign", json, "{\"data\":\"\\u+123\"}", words: "hexadecimal"),
        Refusal(
            "nested too deep",
            json,
            "{\"data\":" + String(repeating: "[", count: 513) + String(repeating: "]", count: 513) + "}",
            words: "nested"
        ),
        Refusal("nested without end", json, "{\"data\":" + String(repeating: "[", count: 200_000), words: "nested"),
    ]

    private static let names = [
        Refusal("event with LF", query: "?event=a%0Ab", words: "line break"),
        Refusal("event with CR", query: "?event=a%0D", words: "line break"),
        Refusal("event with CRLF", query: "?event=%0D%0A", words: "line break"),
        Refusal("event with NUL", query: "?event=a%00b", words: "NUL"),
        Refusal("event with LF in JSON", json, "{\"data\":1,\"event\":\"a\\nb\"}", words: "line break"),
        Refusal("event with NUL in a form", form, "data=x&event=%00", words: "NUL"),
        Refusal("event too long", query: "?event=" + String(repeating: "e", count: 129), words: "129 bytes"),
        Refusal(
            "event too long in bytes",
            query: "?event=" + String(repeating: "%C3%BC", count: 65),
            words: "130 bytes"
        ),
        Refusal("event of the server", query: "?event=stream-open", words: "'stream-'"),
        Refusal("event that begins like the server's", query: "?event=stream-x", words: "choose another"),
        Refusal("empty event", query: "?event=", words: "empty"),
        Refusal("event that is not UTF-8", query: "?event=%FF", words: "escape"),
        Refusal("persist neither true nor false", query: "?persist=maybe", words: "'maybe'"),
        Refusal("persist without a value", query: "?persist", words: "neither"),
    ]

    private static let stored = [
        Refusal("ttl that is no number", query: "?ttl=soon", words: "seconds"),
        Refusal("ttl with four decimals", query: "?ttl=1.2345", words: "three decimals"),
        Refusal("ttl of nothing", query: "?ttl=0", words: "millisecond"),
        Refusal("ttl that is negative", json, "{\"data\":1,\"ttl\":-1}", words: "millisecond"),
        Refusal("ttl that is too long", form, "data=1&ttl=99999999999", words: "100 years"),
        Refusal("ttl of a year that never ends", query: "?ttl=inf", words: "seconds"),
        Refusal("ttl that is text", json, "{\"data\":1,\"ttl\":\"60\"}", words: "seconds"),
        Refusal("ttl without a store", query: "?ttl=1&persist=false", words: "persist=false"),
        Refusal(
            "Idempotency-Key without a store",
            query: "?persist=false",
            ["Idempotency-Key: k"],
            words: "persist"
        ),
        Refusal("empty Idempotency-Key", ["Idempotency-Key: "], "x", words: "1 to 255"),
        Refusal(
            "long Idempotency-Key",
            ["Idempotency-Key: " + String(repeating: "k", count: 256)],
            "x",
            words: "1 to 255"
        ),
        Refusal("two Idempotency-Keys", ["Idempotency-Key: k", "Idempotency-Key: l"], "x", words: "more than one"),
    ]

    @Test(arguments: bodies + objects + names + stored)
    func `is refused, and says why`(refusal: Refusal) async throws {
        try await TestServer.run { server in
            let response = try await server.post(
                "/groups/test-group/messages" + refusal.query,
                refusal.headers,
                body: refusal.body
            )
            try expectProblem(response, refusal.status, refusal.words)
            #expect(server.log.frontier.sequence == 0)
        }
    }

    @Test(
        arguments: [
            "a%0A", "a%0D%0A", "%0A", "a%20b", "a+b", "gr%C3%BCn", "%D9%A1", "%EF%BC%91", "a%2Fb", "a!b", "a%00",
            "a%25",
            "a%252Db", "%FF", "a%2", String(repeating: "n", count: 101),
        ]
    )
    func `other group names are refused everywhere`(name: String) async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.post("/groups/\(name)/messages", "x"), 400, "ASCII letters")
            try expectProblem(try await server.get("/groups/\(name)/messages"), 400, "ASCII letters")
            try expectProblem(try await server.get("/groups/\(name)/events"), 400, "ASCII letters")
            try expectProblem(try await server.get("/groups/\(name)"), 400, "ASCII letters")
            try expectProblem(try await server.get("/groups/\(name)/messages/\(server.id(1))"), 400, "ASCII letters")
        }
    }

    @Test func `an empty group name is no path`() async throws {
        try await TestServer.run { server in
            try expectProblem(try await server.post("/groups//messages", "x"), 404)
            try expectProblem(try await server.get("/groups//events"), 404)
        }
    }

    @Test func `a store that is stuck is 503 and says when to come back`() async throws {
        let store = try PausingStore.holdingPublishes()
        let limits = MessageLog.Configuration(maximumWaitingBytes: 300)
        try await TestServer.run(log: limits, store: store) { server in
            let waiting = try await server.connect()
            await waiting.send(TestServer.text("POST", "/groups/test-group/messages", [], "first"))
            await store.publishArrives()
            let refused = try await server.post("/groups/test-group/messages", "second")
            try expectProblem(refused, 503, "send it again")
            #expect(refused["retry-after"] == "1")
            store.release()
            #expect(try await waiting.response().status == 201)
        }
    }
}
