import Testing

@testable import Broker

/// W3C Trace Context (https://www.w3.org/TR/trace-context/).
struct TraceContextTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func `a parent and a state`() throws {
        let trace = try #require(TraceContext(parent: Self.parent, state: "congo=t61rcWkgMzE,rojo=1"))
        #expect(trace.parent == Self.parent)
        #expect(trace.state == "congo=t61rcWkgMzE,rojo=1")
        #expect(trace.bytes == 55 + 24)
        #expect(TraceContext(parent: Self.parent)?.state == nil)
    }

    @Test(arguments: [
        "", "00", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\n",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c8031äc-b7ad6b7169203331-01",
    ])
    func `a malformed parent is ignored`(parent: String) {
        #expect(TraceContext(parent: parent) == nil)
    }

    @Test(arguments: ["", "a\u{0}", "ä=1", String(repeating: "x", count: 513)])
    func `a malformed state is left out`(state: String) {
        #expect(TraceContext(parent: Self.parent, state: state) == TraceContext(parent: Self.parent))
    }
}
