import NIOHTTP1

/// The header fields that decide who may come, found in one pass: this is on the way of every request.
struct AccessFields {
    private(set) var hosts = 0
    /// The last one.
    private(set) var host: Substring = ""
    private(set) var origins = 0
    private(set) var origin: Substring = ""
    /// `Sec-Fetch-Site: cross-site`: a browser's word that a page of another site asks (Fetch Metadata).
    private(set) var isCrossSite = false
    /// `Sec-Fetch-Mode: navigate`: a person follows a link.
    private(set) var isNavigation = false

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
            case 14 where name.utf8.isEqual(ignoringCase: "sec-fetch-site".utf8):
                isCrossSite = isCrossSite || value.trimmed.utf8.elementsEqual("cross-site".utf8)
            case 14 where name.utf8.isEqual(ignoringCase: "sec-fetch-mode".utf8):
                isNavigation = value.trimmed.utf8.elementsEqual("navigate".utf8)
            default:
                break
            }
        }
    }
}
