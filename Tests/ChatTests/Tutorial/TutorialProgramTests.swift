import AsyncHTTPClient
import Broker
import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import Testing

/// The program of the tutorial: it compiles here, runs, and stands there to the letter.
@Suite(.timeLimit(.minutes(2))) struct TutorialProgramTests {
    private static let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
        url.deletingLastPathComponent()
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test(arguments: ["page", "signed in", "step 5", "step 6", "tables", "authors", "step 7"])
    func `the tutorial has the same program`(part: String) throws {
        func lines(_ text: String, from start: String, to end: String) -> [String] {
            let all = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let first = all.firstIndex(of: start),
                let last = all[(first + 2)...].firstIndex(of: end)
            else { return [] }
            return Array(all[(first + 1)..<last])
        }
        let program = lines(
            try Self.text("Tests/ChatTests/Tutorial/TutorialProgram.swift"),
            from: "// begin \(part)",
            to: "// end"
        )
        let shown = lines(try Self.text("docs/tutorial.md"), from: "<!-- \(part) -->", to: "```")
        #expect(!program.isEmpty)
        #expect(["```swift"] + program == shown)
    }

    private func run(
        _ make: (String, String) async throws -> Gateway,
        _ body: (HTTPClient, String) async throws -> Void
    ) async throws {
        let page = FileManager.default.temporaryDirectory.appendingPathComponent("notify-\(UUID()).html").path
        try "<title>Chat</title>".write(toFile: page, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: page) }
        let gateway = try await make(":memory:", page)
        let port = try await gateway.start()
        let client = HTTPClient(configuration: .init(redirectConfiguration: .disallow))
        try await body(client, "http://127.0.0.1:\(port)")
        try await client.shutdown()
        await gateway.stop()
        await gateway.log.close()
        try await gateway.log.store.close()
    }

    private func send(
        _ client: HTTPClient,
        _ url: String,
        _ form: String? = nil,
        cookie: String = ""
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "Cookie", value: cookie)
        if let form {
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: form))
        }
        return try await client.execute(request, timeout: .seconds(30))
    }

    @Test func `step four serves the page`() async throws {
        try await run {
            try TutorialProgram.stepFour(database: $0, page: $1)
        } _: { client, url in
            let body = try await send(client, url + "/").body.collect(upTo: 1000)
            #expect(String(buffer: body) == "<title>Chat</title>")
        }
    }

    @Test func `step six keeps strangers out`() async throws {
        try await run {
            try TutorialProgram.stepSix(database: $0, page: $1)
        } _: { client, url in
            try await talk(client, url)
        }
    }

    @Test func `step seven knows the authors`() async throws {
        try await run {
            try await TutorialProgram.stepSeven(database: $0, page: $1)
        } _: { client, url in
            try await talk(client, url)
        }
    }

    private func talk(_ client: HTTPClient, _ url: String) async throws {
        #expect(try await send(client, url + "/say", "content=x").status == .forbidden)
        #expect(try await send(client, url + "/messages-of-the-chat").status == .forbidden)
        #expect(try await send(client, url + "/groups/tutorial/messages", "data=x").status == .forbidden)
        let entered = try await send(client, url + "/lobby", "name=Ariel")
        #expect(entered.status == .found)
        // Among those of other programs on this host.
        let own = entered.headers["set-cookie"].first?.prefix { $0 != ";" } ?? ""
        let cookie = "other=1; \(own); notify_session=x"
        #expect(try await send(client, url + "/say", "content=hello", cookie: cookie).status == .created)
        var text = ""
        for try await part in try await send(client, url + "/messages-of-the-chat", cookie: cookie).body {
            text += String(buffer: part)
            if text.contains("content") { break }
        }
        #expect(text.contains(#"data: {"author":"Ariel","content":"hello"}"#))
    }
}
