import Broker
import NIOCore

/// A message as the subscriptions of WebSockets get it: `{"id","group","event","data","created_at"}` in a frame of its own.
enum SocketMessage {
    /// Which of ``MessageForms`` it is.
    private static let form = 3

    /// Encoded once, whoever asks: the frames of a server are not masked, so all sockets share the bytes.
    static func encode(_ message: Message) -> ByteBuffer {
        message.forms.form(form) {
            SocketFrame.text(reserving: message.data.readableBytes + message.event.utf8.count + 200) {
                $0.writeJSON(message)
            }
        }
    }
}
