import Broker
import Foundation

/// Called by code that is no task, and may be on any thread: this never waits.
func tellWhoeverIsConnected(_ text: String, _ layer: any ChannelLayer) throws {
    try layer.groupSend(Message(event: "tick", text: text), to: GroupName("my-group"))
}

/// The same with a message that is stored: this waits until it is on disk, so it is refused on event loops and in tasks.
func store(_ text: String, _ log: MessageLog) throws -> MessageID? {
    try log.publishAndWait(MessageDraft(group: GroupName("my-group"), event: "tick", text: text)).id
}

/// A thread that sends what it is given, one after the other, and ends.
func sendFromAThread(_ texts: [String], _ log: MessageLog) {
    let thread = Thread {
        for text in texts {
            do {
                try tellWhoeverIsConnected(text, log.layer)
                _ = try store(text, log)
            } catch {
                print("The tick '\(text)' was not sent: \(error)")
            }
        }
    }
    thread.start()
}
