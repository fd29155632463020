import Crypto
import Foundation
import HTTPTypes
import NIOHTTP1

/// The request that makes a WebSocket of a connection, and the head that answers it (RFC 6455 §4.2).
struct SocketHandshake {
    /// The one subprotocol there is.
    static let subprotocol = "notify.v1"
    private static let version = "13"
    private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// What proves to the client that its handshake was understood.
    let accept: String
    /// Whether the client offers ``subprotocol``.
    var offersSubprotocol: Bool

    /// Whether a request wants to be one.
    static func isAsked(_ head: HTTPRequestHead) -> Bool { head.headers.list("upgrade", has: "websocket") }

    /// - Throws: ``Problem``: 426 without `Upgrade: websocket`, and for another version than 13; 400 for a handshake that is
    ///   not whole.
    init(_ head: HTTPRequestHead) throws(Problem) {
        guard head.method == .GET, head.version == .http1_1, Self.isAsked(head),
            head.headers.list("connection", has: "upgrade")
        else { throw Self.upgradeRequired(head) }
        guard head.headers["sec-websocket-version"].map({ String($0.trimmed) }) == [Self.version] else {
            throw Problem(
                .upgradeRequired,
                "This server speaks version 13 of WebSocket (RFC 6455): send 'Sec-WebSocket-Version: 13'.",
                headers: Self.upgrade.merging([.secWebSocketVersion: Self.version])
            )
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, let key = keys.first?.trimmed, Data(base64Encoded: String(key))?.count == 16 else {
            throw Problem(.badRequest, "Sec-WebSocket-Key must be there once: 16 random bytes in Base64.")
        }
        guard !head.headers.contains(name: "transfer-encoding"),
            head.headers["content-length"].allSatisfy({ $0.trimmed == "0" })
        else {
            throw Problem(.badRequest, "A request that asks for a WebSocket has no body.")
        }
        accept = Data(Insecure.SHA1.hash(data: Data((key + Self.suffix).utf8))).base64EncodedString()
        offersSubprotocol = head.headers.list("sec-websocket-protocol", has: Self.subprotocol)
    }

    private static func upgradeRequired(_ head: HTTPRequestHead) -> Problem {
        guard head.version.major < 2 else {
            return Problem(
                .upgradeRequired,
                "A WebSocket needs a connection of HTTP/1.1 here. Browsers open one by themselves; let another client do so."
            )
        }
        return Problem(
            .upgradeRequired,
            "Here is a WebSocket: ask with GET, HTTP/1.1, 'Connection: Upgrade' and 'Upgrade: websocket' (RFC 6455), as "
                + "'new WebSocket(…)' does. A proxy before this server has to pass these fields on.",
            headers: upgrade
        )
    }

    /// Which protocol is wanted (RFC 9110 §7.8, §15.5.22).
    private static let upgrade: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade"]

    /// No extension is agreed on: what is compressed for each client cannot be shared by all.
    func head(date: String) -> ResponseHead {
        var head = ResponseHead(.switchingProtocols, for: .http1_1, bodyBytes: 0)
        head.add("Upgrade", "websocket")
        head.add("Connection", "Upgrade")
        head.add("Sec-WebSocket-Accept", accept)
        if offersSubprotocol { head.add("Sec-WebSocket-Protocol", Self.subprotocol) }
        head.add("Date", date)
        return head
    }
}

extension HTTPResponse.Status {
    fileprivate static let upgradeRequired = HTTPResponse.Status(code: 426, reasonPhrase: "Upgrade Required")
}

extension HTTPFields {
    fileprivate func merging(_ others: HTTPFields) -> HTTPFields {
        var all = self
        for field in others { all.append(field) }
        return all
    }
}

extension HTTPHeaders {
    /// Whether a list has a word in it, whatever its case.
    fileprivate func list(_ name: String, has word: String) -> Bool {
        self[canonicalForm: name].contains { $0.utf8.isEqual(ignoringCase: word.utf8) }
    }
}
