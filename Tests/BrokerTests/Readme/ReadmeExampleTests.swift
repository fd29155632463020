import Broker
import Foundation
import Testing

/// The program of the readme's "In a Swift program": it compiles here, runs, and stands in the readme to the letter.
@Suite struct ReadmeExampleTests {
    func example(print: (String, String) -> Void) async throws {
        // begin
        let layer = InMemoryChannelLayer()
        let group = try GroupName("my-group")
        let channel = try layer.newChannel()
        layer.groupAdd(channel, to: group)

        try layer.groupSend(Message(event: "greeting", text: "hello"), to: group)

        let message = try await layer.receive(channel)
        print(message.event, message.text)  // greeting hello
        // end
    }

    @Test func theExampleDoesWhatItsCommentSays() async throws {
        var printed: [String] = []
        try await example { printed += [$0, $1] }
        #expect(printed == ["greeting", "hello"])
    }

    @Test func theReadmeHasTheSameProgram() throws {
        let here = URL(fileURLWithPath: #filePath)
        let root = (0..<4).reduce(here) { url, _ in url.deletingLastPathComponent() }
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let source = try String(contentsOf: here, encoding: .utf8)
        func lines(_ text: String, from start: String, to end: String) -> [String] {
            let all = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            guard let first = all.firstIndex(of: start), let last = all[first...].firstIndex(of: end) else { return [] }
            return Array(all[(first + 1)..<last])
        }
        let program = lines(source, from: "// begin", to: "// end")
        #expect(!program.isEmpty)
        #expect(lines(readme, from: "import Broker", to: "```") == program)
    }
}
