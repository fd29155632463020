import Broker
import NIOCore

extension ByteBuffer {
    /// Writes a message as history and enveloped streams show it:
    /// `{"id","group","event","data","created_at"}`, `id` null for one that is not stored.
    ///
    /// - Parameter trace: Follows as `traceparent`, and `tracestate` where there is one.
    mutating func writeJSON(_ message: Message, trace: TraceContext? = nil) {
        writeString("{\"id\":")
        writeJSON(string: message.id?.description)
        writeString(",\"group\":")
        writeJSON(string: message.group?.description)
        writeString(",\"event\":")
        writeJSON(string: message.event)
        writeString(",\"data\":")
        writeJSON(string: message.data.readableBytesView)
        writeString(",\"created_at\":\"\(message.createdAt)\"")
        if let trace {
            writeString(",\"traceparent\":")
            writeJSON(string: trace.parent)
            if let state = trace.state {
                writeString(",\"tracestate\":")
                writeJSON(string: state)
            }
        }
        writeString("}")
    }
}
