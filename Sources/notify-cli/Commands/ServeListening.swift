import ArgumentParser
import Gateway

/// Where `serve` listens, and to whom it answers.
struct ServeListening: ParsableArguments {
    @Option(help: "The address to listen on (default: 127.0.0.1). NOTIFY_HOST.")
    var host: String?

    @Option(
        parsing: .unconditional,
        help: "The port; 0 takes a free one, 'none' leaves it to --unix-socket (default: 8080). NOTIFY_PORT."
    )
    var port: String?

    @OptionGroup var transport: ServeTransport

    @Flag(
        help:
            "Allow a --host that is not loopback, although everybody who reaches it may do everything. NOTIFY_INSECURE."
    )
    var insecure = false

    @Option(
        help: ArgumentHelp(
            "A further host that the server answers to; may be repeated. NOTIFY_ALLOW_HOST.",
            discussion: "A name or an address without a port: that under which a proxy passes requests on, for example."
        )
    )
    var allowHost: [String] = []

    @Option(help: "An origin whose pages may use the server, or '*'; may be repeated. NOTIFY_ALLOW_ORIGIN.")
    var allowOrigin: [String] = []

    func apply(to configuration: inout GatewayConfiguration, _ settings: Settings) throws {
        let host = try settings.string(.host, option: host, default: "127.0.0.1")
        // As in a URL: people copy an IPv6 address from there.
        configuration.host =
            host.utf8.first == UInt8(ascii: "[") && host.utf8.last == UInt8(ascii: "]")
            ? String(host.dropFirst().dropLast()) : host
        settings.declare(.port, default: "8080")
        let port = try settings.value(.port, option: port, "use a whole number from 0 to 65535, or none") { text in
            text == "none" ? -1 : Int(text).flatMap { (0...65_535).contains($0) ? $0 : nil }
        }
        configuration.listensOnPort = port != -1
        configuration.port = max(0, port ?? 8080)
        try transport.apply(to: &configuration, settings)
        configuration.allowsPublicHost = try settings.bool(.insecure, option: insecure ? true : nil, default: false)
        configuration.allowedHosts = try settings.strings(.allowHost, options: allowHost, absent: "no other host")
        configuration.allowedOrigins = try settings.strings(
            .allowOrigin,
            options: allowOrigin,
            absent: "no other origin"
        )
    }
}
