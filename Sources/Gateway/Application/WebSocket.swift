import NIOCore
import Synchronization

/// An open WebSocket of an application: messages of text in both directions.
///
/// Safe to use from any thread, by several tasks at once.
public final class WebSocket: Sendable {
    let inbox = SocketInbox()
    let pipe = ResponsePipe()
    private let closing = Mutex<(CloseCode, String)?>(nil)

    init() {}

    /// What the client sends, in order; ends with the socket. A message is at most as large as the body of a publish
    /// (`--max-body-size`). While 16 messages or 64 KiB wait to be taken, nothing more is read from the client.
    ///
    /// Each message goes to one of those who iterate.
    public var messages: Messages { Messages(inbox: inbox) }

    /// Sends a message, and returns when more of them can be sent: at most 16 KiB wait beside it.
    ///
    /// - Throws: `CancellationError`: the socket has ended, or the task is cancelled.
    public func send(_ text: String) async throws {
        try await pipe.write(SocketFrame.text(ByteBuffer(string: text)))
    }

    /// Closes it when what was sent before is on its way. The first close counts.
    ///
    /// - Parameter reason: For people; cut at 123 bytes of UTF-8.
    public func close(_ code: CloseCode = .normal, reason: String = "") {
        closing.withLock { $0 = $0 ?? (code, reason) }
        pipe.finish()
    }

    /// As it is to be closed.
    var close: (code: CloseCode, reason: String) { closing.withLock { $0 } ?? (.normal, "") }

    /// The messages of a client.
    public struct Messages: AsyncSequence, Sendable {
        let inbox: SocketInbox

        public func makeAsyncIterator() -> Iterator { Iterator(inbox: inbox) }

        public struct Iterator: AsyncIteratorProtocol {
            let inbox: SocketInbox

            /// Nil at the end of the socket, and for a task that is cancelled.
            public func next() async -> String? { await inbox.next() }
        }
    }
}
