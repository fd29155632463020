public import NIOCore

/// What the body of a ``StreamingResponse`` is made of: bytes, text, or events.
public protocol ResponsePart: Sendable {
    /// Its bytes, as they go to the client.
    var bytes: ByteBuffer { get }
}

extension ByteBuffer: ResponsePart {
    public var bytes: ByteBuffer { self }
}

extension [UInt8]: ResponsePart {
    public var bytes: ByteBuffer { ByteBuffer(bytes: self) }
}

extension String: ResponsePart {
    /// UTF-8.
    public var bytes: ByteBuffer { ByteBuffer(string: self) }
}

extension Substring: ResponsePart {
    /// UTF-8.
    public var bytes: ByteBuffer { ByteBuffer(substring: self) }
}
