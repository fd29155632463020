import NIOHTTP1

/// The header fields that decide who may come, found in one pass: this is on the way of every request.
struct AccessFields {
    /// What a browser says of the page that asks (`Sec-Fetch-Site`, Fetch Metadata).
    enum Site {
        /// No word: no browser, or an old one.
        case unsaid
        /// A page of the same origin, or a person who typed the address.
        case same
        /// A page of another origin of the same site.
        case sameSite
        case crossSite
    }

    private(set) var hosts = 0
    /// The last one.
    private(set) var host: Substring = ""
    private(set) var origins = 0
    private(set) var origin: Substring = ""
    private(set) var site = Site.unsaid
    /// `Sec-Fetch-Mode: navigate`: a person follows a link.
    private(set) var isNavigation = false
    private(set) var authorizations = 0
    private(set) var authorization: Substring = ""
    /// Whether there is a `Sec-WebSocket-Protocol`.
    private(set) var offersSubprotocols = false

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            // By its length first, since that costs least.
            switch name.utf8.count {
            case 4 where name.utf8.isEqual(ignoringCase: "host".utf8):
                hosts += 1
                host = value.trimmed
            case 6 where name.utf8.isEqual(ignoringCase: "origin".utf8):
                origins += 1
                origin = value.trimmed
            case 13 where name.utf8.isEqual(ignoringCase: "authorization".utf8):
                authorizations += 1
                authorization = value.trimmed
            case 14 where name.utf8.isEqual(ignoringCase: "sec-fetch-site".utf8):
                site = max(site, Self.site(value.trimmed))
            case 14 where name.utf8.isEqual(ignoringCase: "sec-fetch-mode".utf8):
                isNavigation = value.trimmed.utf8.elementsEqual("navigate".utf8)
            case 22 where name.utf8.isEqual(ignoringCase: "sec-websocket-protocol".utf8):
                offersSubprotocols = true
            default:
                break
            }
        }
    }

    private static func site(_ text: Substring) -> Site {
        if text.utf8.elementsEqual("cross-site".utf8) { return .crossSite }
        return text.utf8.elementsEqual("same-origin".utf8) || text.utf8.elementsEqual("none".utf8) ? .same : .sameSite
    }
}

extension AccessFields.Site: Comparable {}
