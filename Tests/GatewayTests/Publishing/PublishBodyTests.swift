import Testing

/// What each kind of body becomes: in the answer, in the store and on a stream.
@Suite(.timeLimit(.minutes(1)))
struct PublishBodyTests {
    struct Publish: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var query = ""
        var type: String?
        let body: [UInt8]
        var event = "message"
        let data: String

        init(
            _ name: String,
            query: String = "",
            type: String? = nil,
            _ body: String,
            event: String = "message",
            data: String
        ) {
            testDescription = name
            (self.query, self.type, self.body, self.event, self.data) = (query, type, Array(body.utf8), event, data)
        }
    }

    private static let json = "application/json"
    private static let form = "application/x-www-form-urlencoded"

    private static let texts = [
        Publish("no content type", "hello", data: "hello"),
        Publish("plain text", type: "text/plain; charset=utf-8", "a=b&c=%41+d", data: "a=b&c=%41+d"),
        Publish("binary type", type: "application/octet-stream", "x", data: "x"),
        Publish("event in the query", query: "?event=greeting", "hello", event: "greeting", data: "hello"),
        Publish("encoded event", query: "?event=gr%C3%BC%20%C3%9F+e", "x", event: "grü ß e", data: "x"),
        Publish("longest event", query: "?event=" + longEvent, "x", event: longEvent, data: "x"),
        Publish("LF, CR, CRLF", "a\nb\rc\r\nd\n\r\ne", data: "a\nb\rc\r\nd\n\r\ne"),
        Publish("line ends alone", "\r\n\r\n", data: "\r\n\r\n"),
        Publish("NUL", "a\0b\0", data: "a\0b\0"),
        Publish("other line separators", "a\u{85}b\u{2028}c\u{2029}d\u{B}e", data: "a\u{85}b\u{2028}c\u{2029}d\u{B}e"),
        Publish("byte order mark", "\u{FEFF}x", data: "\u{FEFF}x"),
        Publish("beyond the first plane", "😀 👩‍👩‍👧 é", data: "😀 👩‍👩‍👧 é"),
        Publish(
            "fields of an event stream",
            "x\n\nid: 7\nevent: e\nretry: 1\n\n:",
            data: "x\n\nid: 7\nevent: e\nretry: 1\n\n:"
        ),
        Publish("leading spaces", "  a\n b", data: "  a\n b"),
    ]

    private static let forms = [
        Publish("form", type: form, "event=greeting&data=hello", event: "greeting", data: "hello"),
        Publish("form, + and %", type: form, "data=a+b%2Bc%20%26%3D%25%0D%0A", data: "a b+c &=%\r\n"),
        Publish("form, UTF-8", type: form, "data=%F0%9F%98%80%c3%bc", data: "😀ü"),
        Publish("form, = in a value", type: form, "data=a=b=c", data: "a=b=c"),
        Publish("form, empty data", type: form, "data=", data: ""),
        Publish("form, charset", type: form + ";charset=UTF-8", "data=x", data: "x"),
        Publish("form, type in capitals", type: "Application/X-WWW-Form-URLEncoded", "data=x", data: "x"),
        Publish("form, event in the query", query: "?event=q", type: form, "data=x", event: "q", data: "x"),
        Publish("form, its event first", query: "?event=q", type: form, "data=x&event=b", event: "b", data: "x"),
        Publish("form, empty event and ttl", type: form, "event=&ttl=&data=x", data: "x"),
        Publish(
            "form, empty event, one in the query",
            query: "?event=q",
            type: form,
            "event=&data=x",
            event: "q",
            data: "x"
        ),
        Publish("form, empty pairs", type: form, "&data=x&", data: "x"),
        Publish(
            "multipart as a browser sends it",
            type: "multipart/form-data; boundary=----WebKitFormBoundaryAbC123",
            "------WebKitFormBoundaryAbC123\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\ngreeting\r\n"
                + "------WebKitFormBoundaryAbC123\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"
                + "line 1\r\nline 2 \u{E9}\r\n------WebKitFormBoundaryAbC123--\r\n",
            event: "greeting",
            data: "line 1\r\nline 2 é"
        ),
        Publish(
            "multipart, quoted boundary",
            type: "multipart/form-data; charset=utf-8; Boundary=\"a b:c=d\"",
            "--a b:c=d\r\ncontent-disposition: form-data; name=\"data\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--a b:c=d--",
            data: "x"
        ),
        Publish(
            "multipart, empty value and what stands around the parts",
            type: "multipart/form-data; boundary=b",
            "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n\r\n--b--\r\nepilogue",
            data: ""
        ),
        Publish(
            "multipart, a name without quotes",
            type: "multipart/form-data; boundary=b",
            "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=data\r\n\r\nx\r\n--b--",
            data: "x"
        ),
        Publish(
            "multipart, a file",
            type: "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"n;a.txt\"\r\n\r\n-bx\r\n--b--\r\n",
            data: "-bx"
        ),
    ]

    private static let objects = [
        Publish("JSON string", type: json, #"{"data":"a\nb\"\\\/\u00e9\ud83d\ude00\u0000"}"#, data: "a\nb\"\\/é😀\0"),
        Publish("JSON, event", type: json, #" { "event" : "greeting" , "data" : "x" } "#, event: "greeting", data: "x"),
        Publish("JSON, escaped key", type: json, #"{"d\u0061ta":"x"}"#, data: "x"),
        Publish("JSON, charset", type: json + "; charset=utf-8", #"{"data":""}"#, data: ""),
        Publish(
            "JSON object",
            type: json,
            "{\"data\": { \"z\" : 1,\n\t\"a\" : [ 1 , 2.50, { } , [ ] ],\r\n \"a b\": \" x  y \" } }",
            data: #"{"z":1,"a":[1,2.50,{},[]],"a b":" x  y "}"#
        ),
        Publish(
            "JSON object, long numbers and escapes",
            type: json,
            #"{"data":{"n":123456789012345678901234567890.10,"e":-1E+400,"s":"\u00e9\/\n\"","k\u0065y":0}}"#,
            data: #"{"n":123456789012345678901234567890.10,"e":-1E+400,"s":"\u00e9\/\n\"","k\u0065y":0}"#
        ),
        Publish("JSON, repeated key inside", type: json, #"{"data":{"a":1,"a":2}}"#, data: #"{"a":1,"a":2}"#),
        Publish("JSON, null event and ttl", type: json, #"{"event":null,"ttl": null ,"data":"x"}"#, data: "x"),
        Publish("JSON null", type: json, #"{"data":null}"#, data: "null"),
        Publish("JSON true", type: json, #"{"data": true }"#, data: "true"),
        Publish("JSON false", type: json, #"{"data":false}"#, data: "false"),
        Publish("JSON zero", type: json, #"{"data":-0}"#, data: "-0"),
        Publish("JSON number", type: json, #"{"data":18446744073709551617}"#, data: "18446744073709551617"),
        Publish("JSON array", type: json, #"{"data":["\"", "\\"]}"#, data: #"["\"","\\"]"#),
    ]

    private static let longEvent = String(repeating: "e", count: 128)

    @Test(arguments: texts + forms + objects)
    func `is stored and delivered as it was sent`(publish: Publish) async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let created = try await server.post(
                "/groups/test-group/messages" + publish.query,
                publish.type.map { ["Content-Type: \($0)"] } ?? [],
                body: publish.body
            )
            #expect(created.status == 201, "\(created.text)")
            #expect(created["content-type"] == "application/json")
            #expect(created.keys == ["id", "group", "event", "data_bytes", "created_at"])
            let answer = try created.json(CreatedBody.self)
            #expect(answer.id == server.id(1))
            #expect(answer.group == "test-group")
            #expect(answer.event == publish.event)
            #expect(answer.data_bytes == publish.data.utf8.count)
            #expect(answer.created_at.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)

            let location = try #require(created["location"])
            #expect(location == "/groups/test-group/messages/\(answer.id)")
            let stored = try await server.get(location)
            #expect(stored.keys == ["id", "group", "event", "data", "created_at"])
            let message = try stored.json(MessageBody.self)
            #expect(message.id == answer.id)
            #expect(message.event == publish.event)
            #expect(Array(message.data.utf8) == Array(publish.data.utf8))
            #expect(message.created_at == answer.created_at)

            let event = try #require(try await stream.event())
            #expect(event.id == answer.id)
            #expect(event.type == publish.event)
            #expect(Array(event.data.utf8) == Array(Self.asRead(publish.data).utf8))
        }
    }

    /// What a parser of event streams makes of data: every line end is LF.
    private static func asRead(_ data: String) -> String {
        var bytes: [UInt8] = []
        var last: UInt8 = 0
        for byte in data.utf8 {
            if byte != 0x0A || last != 0x0D { bytes.append(byte == 0x0D ? 0x0A : byte) }
            last = byte
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `persist=false is delivered without an id and stored nowhere`() async throws {
        try await TestServer.run { server in
            let stream = try await server.stream()
            _ = try await stream.event()
            let response = try await server.post("/groups/test-group/messages?persist=false&event=typing", "x")
            #expect(response.status == 202)
            #expect(response.text == "{\"group\":\"test-group\",\"event\":\"typing\"}\n")
            #expect(response["location"] == nil)
            #expect(try await stream.event() == .init(type: "typing", data: "x"))
            #expect(try await server.get("/groups/test-group/messages").json(HistoryBody.self).messages.isEmpty)
            // The next stored message has the first id: the unstored one took none.
            try await server.publish("stored")
            #expect(try await stream.event() == .init(id: server.id(1), data: "stored"))
        }
    }

    @Test func `persist=true is the default by name`() async throws {
        try await TestServer.run { server async throws in
            #expect(try await server.post("/groups/test-group/messages?persist=true", "x").status == 201)
        }
    }

    @Test(arguments: ["a", "A-Z_a.z09", String(repeating: "n", count: 100), "...", "%67roup"])
    func `group names of the rule are taken`(name: String) async throws {
        try await TestServer.run { server in
            let created = try await server.post("/groups/\(name)/messages", "x")
            #expect(created.status == 201)
            #expect(try await server.get(try #require(created["location"])).status == 200)
        }
    }
}
