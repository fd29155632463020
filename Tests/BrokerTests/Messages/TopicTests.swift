import Broker
import Testing

struct TopicTests {
    private let news = Topic.group(.named("news"))
    private let logs = Topic.pattern("logs.*")

    @Test func `a group includes itself, a pattern what it matches`() {
        #expect(news.includes(.named("news")))
        #expect(!news.includes(.named("news.more")))
        #expect(logs.includes(.named("logs.web")))
        #expect(!logs.includes(.named("news")))
        // A pattern without a wildcard is still no group.
        #expect(Topic.pattern("news").includes(.named("news")))
        #expect(Topic.pattern("news") != news)
    }

    @Test func `topics have an order, groups first`() {
        let topics: [Topic] = [logs, .pattern("a*"), news, .group(.named("a"))]
        #expect(topics.sorted().map(\.description) == ["a", "news", "a*", "logs.*"])
    }

    @Test func `only a group has a name`() {
        #expect(news.group == .named("news"))
        #expect(logs.group == nil)
    }
}
