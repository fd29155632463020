import Broker
import Testing

struct MessageDraftTests {
    /// A combining character makes another character of the dash, and no other byte.
    @Test(arguments: [
        "stream-", "stream-open", "stream-\u{301}", "stream-\u{301}open", "stream-\u{200D}", "stream-\u{FE0F}x",
    ])
    func `an event name with the server's prefix is refused, whatever follows it`(event: String) throws {
        let group = try GroupName("a")
        let error = #expect(throws: BrokerError.self) { try MessageDraft(group: group, event: event, text: "x") }
        #expect(error?.code == .invalidEvent)
    }

    @Test(arguments: ["stream", "Stream-open", "stream\u{2010}open", "xstream-", "streams-", "error", "open"])
    func `other event names are admitted`(event: String) throws {
        #expect(try MessageDraft(group: GroupName("a"), event: event, text: "x").event == event)
    }
}
