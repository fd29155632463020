import Broker
import Foundation

extension AccessConfiguration {
    /// Checks what can be checked without reading a file.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`, whose message names the option.
    public func validate() throws(GatewayError) {
        for (option, patterns) in [
            ("--anonymous-subscribe", anonymousSubscribe), ("--anonymous-publish", anonymousPublish),
        ] {
            guard hasKeys || patterns.isEmpty else {
                throw Self.invalid(
                    "\(option) is for servers with keys: without --jwt-key or the like, everybody may do that."
                )
            }
            for pattern in patterns {
                do {
                    _ = try ChannelPattern(group: pattern)
                } catch {
                    throw Self.invalid("\(option): \(error.message)")
                }
            }
        }
        guard Self.isToken(cookie) else {
            throw Self.invalid("--token-cookie \(cookie.quotedForPeople) is no name of a cookie (RFC 6265 §4.1.1).")
        }
        guard leeway >= .zero, leeway <= .seconds(86_400) else {
            throw Self.invalid("--jwt-leeway is out of its range: it goes from 0s to 1d.")
        }
        if let maximumLifetime, maximumLifetime <= .zero {
            throw Self.invalid("--jwt-max-lifetime must be more than 0s.")
        }
        try validateKeySetURL()
    }

    private func validateKeySetURL() throws(GatewayError) {
        guard let keySetURL else { return }
        guard let url = URL(string: keySetURL), let host = url.host(), !host.isEmpty else {
            throw Self.invalid("--jwks-url \(keySetURL.quotedForPeople) is no address: give it as https://HOST/PATH.")
        }
        switch url.scheme?.lowercased() {
        case "https": return
        // Whoever can change what comes over the network could make tokens.
        case "http" where GatewayConfiguration.isLoopback(host): return
        case "http":
            throw Self.invalid("--jwks-url \(keySetURL.quotedForPeople) must be https, unless it is on this machine.")
        default:
            throw Self.invalid("--jwks-url \(keySetURL.quotedForPeople) is no address: give it as https://HOST/PATH.")
        }
    }

    private static func invalid(_ message: String) -> GatewayError { GatewayError(.invalidConfiguration, message) }

    /// What the name of a cookie is made of (RFC 9110 §5.6.2).
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x21...0x7E).contains(byte) && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
            }
    }
}
