import Testing

@testable import Broker

/// Names that a layer makes, and names that it admits.
@Suite(.timeLimit(.minutes(1)))
struct ChannelLayerNameTests {
    @Test(arguments: ChannelLayerSubject.all)
    func aNewChannelIsLocalToTheProcess(by subject: ChannelLayerSubject) async throws {
        let bench = subject.bench()
        let name = try bench.layer.newChannel()
        #expect(name.description.wholeMatch(of: /specific\.[a-z0-9]{16,}![a-z0-9]{16,}/) != nil)
        try bench.send("local only", to: name)
        #expect(try await bench.receive(name) == "local only")
    }

    @Test(arguments: ChannelLayerSubject.all)
    func namesOfOneLayerDifferAfterTheExclamationMark(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        let names = try (0..<10_000).map { _ in try bench.layer.newChannel(prefix: "websocket.send").description }
        #expect(Set(names).count == names.count)
        let clients = Set(names.map { $0.prefix { $0 != "!" } })
        #expect(clients.count == 1)
        #expect(clients.allSatisfy { $0.hasPrefix("websocket.send.") })
    }

    /// Channels' own layer takes names from a generator that a program may seed again.
    @Test(arguments: ChannelLayerSubject.all)
    func noTwoLayersHaveTheSameClient(by subject: ChannelLayerSubject) throws {
        let clients = try (0..<1000).map { _ in
            try String(subject.bench().layer.newChannel().description.prefix { $0 != "!" })
        }
        #expect(Set(clients).count == clients.count)
    }

    @Test(arguments: ChannelLayerSubject.all)
    func namesUseTheirWholeAlphabet(by subject: ChannelLayerSubject) throws {
        let bench = subject.bench()
        var counts: [Character: Int] = [:]
        for _ in 0..<2000 {
            for character in try bench.layer.newChannel().description.drop(while: { $0 != "!" }).dropFirst() {
                counts[character, default: 0] += 1
            }
        }
        #expect(counts.count == 36)
        let expected = Double(counts.values.reduce(0, +)) / 36
        // Eight standard deviations: once in many billions of runs, and far less than a modulo bias of 8 to 7.
        #expect(counts.values.allSatisfy { abs(Double($0) - expected) < 8 * expected.squareRoot() })
    }

    @Test(
        arguments: ChannelLayerSubject.all,
        ["has space", "Zürich", "two!marks", "line\n", "=+135", "", String(repeating: "p", count: 61)].map { $0 + "!" }
    )
    func aPrefixThatIsNoNameIsRefused(by subject: ChannelLayerSubject, prefix: String) {
        expectError(.invalidName) { _ = try subject.bench().layer.newChannel(prefix: prefix) }
    }

    @Test(arguments: ChannelLayerSubject.all)
    func theLongestPrefixIsAdmitted(by subject: ChannelLayerSubject) throws {
        let prefix = String(repeating: "p", count: 60)
        #expect(try subject.bench().layer.newChannel(prefix: prefix).description.hasPrefix(prefix + "."))
        expectError(.invalidName) { _ = try subject.bench().layer.newChannel(prefix: prefix + "p") }
    }

    @Test(arguments: [
        "=+135!", "=+135!local", "", "!", "!local", "two!marks!here", "trailing\n", "test\u{0}", "¯\\_(ツ)_/¯",
        "٣٤٥", "päth", String(repeating: "a", count: 101),
    ])
    func badChannelNamesAreRefused(name: String) {
        expectError(.invalidName) { _ = try ChannelName(name) }
    }

    @Test(arguments: [
        "=+135", "", "with!mark", "trailing\n", "¯\\_(ツ)_/¯", "٣٤٥", "päth", String(repeating: "a", count: 101),
    ])
    func badGroupNamesAreRefused(name: String) {
        expectError(.invalidName) { _ = try GroupName(name) }
    }

    @Test(arguments: ["chat", "a", "0-9_.A-Z", String(repeating: "a", count: 100)])
    func goodNamesAreAdmitted(name: String) throws {
        #expect(try ChannelName(name).description == name)
        #expect(try GroupName(name).description == name)
    }

    @Test func aHundredBytesWithAnExclamationMarkAreAdmitted() throws {
        let name = String(repeating: "a", count: 49) + "!" + String(repeating: "b", count: 50)
        #expect(try ChannelName(name).description == name)
    }
}
