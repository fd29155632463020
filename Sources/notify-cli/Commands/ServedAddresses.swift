import Gateway

/// Where a server listens, as people type it.
struct ServedAddresses {
    let host: String
    /// Nil where it listens on a socket in the file system only.
    let port: Int?
    let isSecure: Bool
    let unixSocket: String?
    let operationsPort: Int?

    init(
        host: String,
        port: Int?,
        isSecure: Bool = false,
        unixSocket: String? = nil,
        operationsPort: Int? = nil
    ) {
        (self.host, self.port, self.isSecure) = (host, port, isSecure)
        (self.unixSocket, self.operationsPort) = (unixSocket, operationsPort)
    }

    init(_ configuration: GatewayConfiguration, _ socket: ListeningSocket) {
        self.init(
            host: configuration.host,
            port: configuration.listensOnPort ? socket.port : nil,
            isSecure: configuration.tls != nil,
            unixSocket: configuration.unixSocket,
            operationsPort: socket.operationsPort
        )
    }

    /// A wildcard address is for listening only.
    private var isForAll: Bool { ["0.0.0.0", "::"].contains(host) }

    var url: String {
        guard let port else { return "http://localhost" }
        let name = ["0.0.0.0": "127.0.0.1", "::": "[::1]"][host] ?? (host.contains(":") ? "[\(host)]" : host)
        return "\(isSecure ? "https" : "http")://\(name):\(port)"
    }

    /// The command that reaches ``url``.
    var curl: String {
        guard port == nil, let unixSocket else { return "curl" }
        return "curl --unix-socket \(unixSocket)"
    }

    /// What follows "listens on".
    var sentence: String {
        var lines: [String] = []
        if port != nil { lines.append(url) }
        if port != nil, isForAll { lines.append("and on all other addresses of this machine (--host \(host)).") }
        if let unixSocket { lines.append("\(port == nil ? "" : "and on ")the socket \(unixSocket)") }
        if let operationsPort {
            lines.append("with /metrics, /healthz and /readyz on http://127.0.0.1:\(operationsPort) as well")
        }
        return lines.joined(separator: "\n")
    }
}
