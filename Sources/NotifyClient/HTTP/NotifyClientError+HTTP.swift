import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

extension NotifyClientError {
    /// What the transport threw, in words.
    static func transport(_ error: any Error, server: ServerAddress) -> NotifyClientError {
        if let error = error as? NotifyClientError { return error }
        switch error as? HTTPClientError {
        case .alreadyShutdown?, .shutdownUnsupported?:
            return .closed
        case .connectTimeout?:
            return .unreachable(server, "it did not accept a connection in time", error)
        case .deadlineExceeded?, .readTimeout?, .writeTimeout?, .getConnectionFromPoolTimeout?:
            return NotifyClientError(
                .timedOut,
                "\(server) did not answer in time: try again, and look at the server's load.",
                underlying: error
            )
        case let error?:
            return .connectionLost(server, underlying: error)
        case nil:
            break
        }
        if isPlain(error) {
            return NotifyClientError(
                .unreachable,
                "\(server) does not speak TLS: give its address with http://, or start the server with --tls-certificate.",
                underlying: error
            )
        }
        if isUntrusted(error) {
            return NotifyClientError(
                .unreachable,
                "The certificate of \(server) is not trusted, or is another host's: give the file of the one that signed it "
                    + "with --ca, and the address with the name that stands in it.",
                underlying: error
            )
        }
        if isRefusedConnection(error) {
            return NotifyClientError(
                .unreachable,
                "No server answers at \(server): start one with 'notify-cli serve', or give its address with --url.",
                underlying: error
            )
        }
        if let error = error as? NIOConnectionError {
            return .unreachable(server, reason(of: error), error)
        }
        return .connectionLost(server, underlying: error)
    }

    static var closed: NotifyClientError {
        NotifyClientError(.closed, "The client was shut down: make a new one.")
    }

    static func connectionLost(_ server: ServerAddress, underlying: (any Error)? = nil) -> NotifyClientError {
        NotifyClientError(
            .connectionLost,
            "The connection to \(server) broke before the answer was complete: try again.",
            underlying: underlying
        )
    }

    private static func unreachable(
        _ server: ServerAddress,
        _ reason: String,
        _ error: any Error
    ) -> NotifyClientError {
        NotifyClientError(
            .unreachable,
            "Cannot connect to \(server) (\(reason)): give the server's address with --url.",
            underlying: error
        )
    }

    /// Whether what came in the place of a TLS handshake was none, as BoringSSL calls it.
    private static func isPlain(_ error: any Error) -> Bool {
        guard case NIOSSLError.handshakeFailed(let cause) = error else { return false }
        return "\(cause)".contains("WRONG_VERSION_NUMBER")
    }

    private static func isUntrusted(_ error: any Error) -> Bool {
        switch error {
        case NIOSSLError.handshakeFailed, is NIOSSLExtraError: true
        default: false
        }
    }

    private static func isRefusedConnection(_ error: any Error) -> Bool {
        let errors = (error as? NIOConnectionError)?.connectionErrors.map(\.error) ?? [error]
        return !errors.isEmpty && errors.allSatisfy { ($0 as? IOError)?.errnoCode == ECONNREFUSED }
    }

    private static func reason(of error: NIOConnectionError) -> String {
        if error.dnsAError != nil || error.dnsAAAAError != nil {
            return "the host '\(error.host.onOneLine(limit: 100))' is not known"
        }
        guard let first = error.connectionErrors.first?.error as? IOError else { return "no address worked" }
        return String(cString: strerror(first.errnoCode)).lowercased()
    }
}

/// An error's body (RFC 9457).
struct ProblemDetails: Decodable {
    let title: String?
    let detail: String?
}

extension NotifyClientError {
    /// An answer that is no success. The server's own `detail` says what to do, where it gives one.
    static func answer(
        status: HTTPResponseStatus,
        headers: HTTPHeaders,
        body: ByteBuffer,
        server: ServerAddress
    ) -> NotifyClientError {
        let code = Int(status.code)
        if (300..<400).contains(code) {
            return NotifyClientError(
                .refused,
                "\(server) redirects to '\((headers.first(name: "location") ?? "").onOneLine())': use that server's address.",
                status: code
            )
        }
        let problem = try? JSONDecoder().decode(ProblemDetails.self, from: Data(body.readableBytesView))
        let said = problem?.detail ?? problem?.title
        let fallback =
            "\(server) answered \(code) (\(status.reasonPhrase))"
            + (code == 404 ? ": check that the address leads to a Notify server." : ".")
        return NotifyClientError(
            isWorthRepeating(status) ? .serverFailed : .refused,
            said.map { "\($0.onOneLine()) (\(code))" } ?? fallback.onOneLine(),
            status: code,
            // A date, which it may be as well, is no time from now: clocks differ.
            retryAfter: headers.first(name: "retry-after").flatMap { UInt32($0) }.map { .seconds(Int64($0)) }
        )
    }

    /// 501 and 505 are about the request, the other 5xx and these 4xx about the moment (RFC 9110 §15, RFC 8470,
    /// RFC 6585).
    private static func isWorthRepeating(_ status: HTTPResponseStatus) -> Bool {
        switch status.code {
        case 501, 505: false
        case 408, 425, 429, 500...: true
        default: false
        }
    }
}
