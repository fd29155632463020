import NIOHTTP1
import Testing

@testable import Gateway

/// What a request asks for, by its target.
struct IncomingRequestTests {
    @Test(
        arguments: [
            ("/a/b?c=d?e", "/a/b", "c=d?e"), ("/", "/", ""), ("/?", "/", ""), ("*", "*", ""), ("//a", "//a", ""),
            ("/http://x", "/http://x", ""),
        ]
    )
    func `a target is cut into path and query`(uri: String, path: String, query: String) {
        let target = RequestTarget(uri)
        #expect(target.path == path)
        #expect(target.query == query)
    }

    @Test(
        arguments: [
            (.GET, "/events", .streamOfGroups), (.HEAD, "/events", .streamOfGroups), (.POST, "/events", nil),
            (.GET, "/groups/a/events", .stream(group: "a")), (.HEAD, "/groups/a/events", .stream(group: "a")),
            (.POST, "/groups/a/events", nil), (.POST, "/groups/a/messages", .publish(group: "a")),
            (.GET, "/groups/a/messages", nil), (.PUT, "/groups/a/messages", nil),
            (.POST, "/groups/a%2Fb/messages", .publish(group: "a/b")), (.POST, "/groups/a/b/messages", nil),
            (.POST, "/groups//messages", nil), (.POST, "/groups/messages", nil), (.GET, "/groups/events", nil),
            (.POST, "/groups/messages/messages", .publish(group: "messages")),
            (.POST, "/groups/a/messages/", .publish(group: "a")),
            (.GET, "/groups/a/events/", .stream(group: "a")), (.GET, "/events/", .streamOfGroups),
            (.POST, "/messages/", .publishBatch), (.POST, "/messages//", nil),
            (.POST, "/groups/a%/messages", .publish(group: "a%")),
            (.POST, "/groups/%C3%BC/messages", .publish(group: "ü")),
        ] as [(HTTPMethod, String, LoopRoute?)]
    )
    func `streams and publishes are told from the rest`(method: HTTPMethod, path: String, route: LoopRoute?) {
        #expect(LoopRoute(method, path[...]) == route)
    }
}
