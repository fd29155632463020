import Broker
import NIOCore

extension ByteBuffer {
    /// Writes a message as history and enveloped streams show it:
    /// `{"id","group","event","data","created_at"}`, `id` null for one that is not stored.
    mutating func writeJSON(_ message: Message) {
        writeString("{\"id\":")
        writeJSON(string: message.id?.description)
        writeString(",\"group\":")
        writeJSON(string: message.group?.description)
        writeString(",\"event\":")
        writeJSON(string: message.event)
        writeString(",\"data\":")
        writeJSON(string: message.data.readableBytesView)
        writeString(",\"created_at\":\"\(message.createdAt)\"}")
    }
}
