/// What a connection speaks.
public enum Transport: String, CaseIterable, Hashable, Sendable {
    /// HTTP/1.0 or HTTP/1.1.
    case http1
    /// The same over TLS.
    case http1TLS = "http1_tls"
    /// HTTP/2 without TLS, with prior knowledge.
    case http2
    /// HTTP/2 over TLS.
    case http2TLS = "http2_tls"
    /// WebSocket.
    case webSocket = "websocket"
    /// The same over TLS.
    case webSocketTLS = "websocket_tls"

    init(isHTTP2: Bool, isSecure: Bool) {
        self = isHTTP2 ? (isSecure ? .http2TLS : .http2) : (isSecure ? .http1TLS : .http1)
    }
}
