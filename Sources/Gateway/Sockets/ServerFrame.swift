import Broker
import HTTPTypes
import NIOCore

/// What the server says on a WebSocket beside messages: frames of JSON.
enum ServerFrame {
    /// How a subscription begins: its answer, and a reset where it cannot go on from where the client was.
    static func subscribed(_ name: String, _ preamble: StreamPreamble, ref: ByteBuffer?) -> ByteBuffer {
        var frames = SocketFrame.text(reserving: 160) { buffer in
            buffer.writeStaticString("{\"subscribed\":")
            buffer.writeJSON(string: name)
            buffer.writeString(",\"position\":\"\(preamble.position)\",\"resumed\":\(preamble.resumed)")
            buffer.end(ref)
        }
        if let reset = preamble.reset { frames.writeImmutableBuffer(Self.reset(name, reset, at: preamble.position)) }
        return frames
    }

    static func reset(_ name: String, _ reset: StreamPreamble.Reset, at position: MessageID) -> ByteBuffer {
        SocketFrame.text(reserving: 200) { buffer in
            buffer.writeStaticString("{\"reset\":{\"subscription\":")
            buffer.writeJSON(string: name)
            buffer.writeString(",\"reason\":\"\(reset.reason.rawValue)\",\"requested\":")
            buffer.writeJSON(string: reset.requested)
            buffer.writeStaticString(",\"oldest\":")
            buffer.writeJSON(string: reset.oldest?.description)
            buffer.writeString("},\"position\":\"\(position)\"}")
        }
    }

    /// - Parameter event: A JSON object.
    static func presence(_ name: String, _ event: ByteBuffer) -> ByteBuffer {
        SocketFrame.text(reserving: event.readableBytes + 120) { buffer in
            buffer.writeStaticString("{\"presence\":{\"subscription\":")
            buffer.writeJSON(string: name)
            buffer.writeStaticString(",")
            buffer.writeBytes(event.readableBytesView.dropFirst())
            buffer.writeStaticString("}")
        }
    }

    static func unsubscribed(_ name: String, ref: ByteBuffer?) -> ByteBuffer {
        SocketFrame.text(reserving: 120) { buffer in
            buffer.writeStaticString("{\"unsubscribed\":")
            buffer.writeJSON(string: name)
            buffer.end(ref)
        }
    }

    /// - Parameter id: Nil for a message that is not stored.
    static func published(_ id: MessageID?, ref: ByteBuffer?) -> ByteBuffer {
        SocketFrame.text(reserving: 120) { buffer in
            buffer.writeStaticString("{\"published\":true")
            if let id { buffer.writeString(",\"id\":\"\(id)\"") }
            buffer.end(ref)
        }
    }

    /// - Parameter value: As the client wrote it.
    static func pong(_ value: ByteBuffer, ref: ByteBuffer?) -> ByteBuffer {
        SocketFrame.text(reserving: 100) { buffer in
            buffer.writeStaticString("{\"pong\":")
            buffer.writeImmutableBuffer(value)
            buffer.end(ref)
        }
    }

    static func error(_ problem: Problem, ref: ByteBuffer?, subscription: String?) -> ByteBuffer {
        SocketFrame.text(reserving: 300) { buffer in
            buffer.writeString("{\"error\":{\"status\":\(problem.status.code),\"title\":")
            buffer.writeJSON(string: problem.status.reasonPhrase)
            buffer.writeStaticString(",\"detail\":")
            buffer.writeJSON(string: problem.detail)
            if problem.status == .tooManyRequests, let seconds = problem.headers[.retryAfter] {
                buffer.writeString(",\"retry_after\":\(seconds)")
            }
            buffer.writeStaticString("}")
            if let subscription {
                buffer.writeStaticString(",\"subscription\":")
                buffer.writeJSON(string: subscription)
            }
            buffer.end(ref)
        }
    }
}

extension ByteBuffer {
    /// Ends an object, with the client's ref.
    fileprivate mutating func end(_ ref: ByteBuffer?) {
        if let ref {
            writeStaticString(",\"ref\":")
            writeImmutableBuffer(ref)
        }
        writeStaticString("}")
    }
}
