import ArgumentParser
import Gateway

/// What `serve` speaks on its port, and where it listens besides.
struct ServeTransport: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server's certificate, in PEM, and those between it and a trusted one. NOTIFY_TLS_CERTIFICATE.",
            discussion: "Then the port speaks TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1. A file that changes is read again."
        )
    )
    var tlsCertificate: String?

    @Option(help: "The certificate's key, in PEM, not encrypted. NOTIFY_TLS_KEY.")
    var tlsKey: String?

    @Flag(help: "Let clients speak HTTP/2 without TLS, with prior knowledge. NOTIFY_H2C.")
    var h2c = false

    @Option(help: "A socket in the file system to listen on as well, plain HTTP, mode 0660. NOTIFY_UNIX_SOCKET.")
    var unixSocket: String?

    @Option(
        parsing: .unconditional,
        help: "A port on 127.0.0.1 with /metrics, /healthz and /readyz alone. NOTIFY_OPERATIONS_PORT."
    )
    var operationsPort: Int?

    func apply(to configuration: inout GatewayConfiguration, _ settings: Settings) throws {
        let certificate = try settings.string(.tlsCertificate, option: tlsCertificate)
        let key = try settings.string(.tlsKey, option: tlsKey)
        switch (certificate, key) {
        case (let certificate?, let key?): configuration.tls = TLSFiles(certificate: certificate, key: key)
        case (nil, nil): break
        case (_, nil): throw UsageError("--tls-certificate needs --tls-key, the file with the certificate's key.")
        case (nil, _): throw UsageError("--tls-key needs --tls-certificate, the file with the key's certificate.")
        }
        configuration.allowsCleartextHTTP2 = try settings.bool(.h2c, option: h2c ? true : nil, default: false)
        configuration.unixSocket = try settings.string(.unixSocket, option: unixSocket)
        configuration.operationsPort = try settings.int(.operationsPort, option: operationsPort, in: 0...65_535)
    }
}
