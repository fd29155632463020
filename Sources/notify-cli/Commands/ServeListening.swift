import ArgumentParser
import Gateway

/// Where `serve` listens, and to whom it answers.
struct ServeListening: ParsableArguments {
    @Option(help: "The address to listen on (default: 127.0.0.1). NOTIFY_HOST.")
    var host: String?

    @Option(parsing: .unconditional, help: "The port; 0 takes a free one (default: 8080). NOTIFY_PORT.")
    var port: Int?

    @Flag(
        help:
            "Allow a --host that is not loopback, although everybody who reaches it may do everything. NOTIFY_INSECURE."
    )
    var insecure = false

    @Option(help: "An origin whose pages may use the server, or '*'; may be repeated. NOTIFY_ALLOW_ORIGIN.")
    var allowOrigin: [String] = []

    func apply(to configuration: inout GatewayConfiguration, _ settings: Settings) throws {
        let host = try settings.string(.host, option: host) ?? "127.0.0.1"
        // As in a URL: people copy an IPv6 address from there.
        configuration.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        configuration.port = try settings.int(.port, option: port, in: 0...65_535) ?? 8080
        configuration.allowsPublicHost = try settings.bool(.insecure, option: insecure ? true : nil) ?? false
        configuration.allowedOrigins = try settings.strings(.allowOrigin, options: allowOrigin)
    }
}
