import Broker

/// A JSON Web Token in its compact form (RFC 7519 §3, RFC 7515 §3.1), taken apart.
struct TokenText {
    let header: TokenHeader
    let payload: [UInt8]
    /// The text that is signed.
    let signed: [UInt8]
    let signature: [UInt8]

    init(_ text: some StringProtocol) throws(TokenFault) {
        let bytes = Array(text.utf8)
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw TokenFault("it is no JWT, which has three parts with dots between.")
        }
        guard let header = Base64URL.decode(parts[0]), let payload = Base64URL.decode(parts[1]),
            let signature = Base64URL.decode(parts[2])
        else {
            throw TokenFault("its parts are not base64url (RFC 7515).")
        }
        self.header = try TokenHeader(header)
        (self.payload, self.signature) = (payload, signature)
        signed = Array(bytes[..<parts[1].endIndex])
    }
}

/// Why a token does not count: a sentence for people that begins in its midst.
struct TokenFault: Error, Equatable {
    let why: String
    /// Whether it names a key that is not known.
    let isOfUnknownKey: Bool

    init(_ why: String, isOfUnknownKey: Bool = false) {
        (self.why, self.isOfUnknownKey) = (why, isOfUnknownKey)
    }
}

/// What a token's header says of its signature (RFC 7515 §4.1).
struct TokenHeader {
    private(set) var algorithm = ""
    private(set) var keyID: String?

    fileprivate init(_ bytes: [UInt8]) throws(TokenFault) {
        var (algorithm, keyID, isCritical) = (String?.none, String?.none, false)
        try TokenJSON.object(bytes, "header") { name, scanner throws(JSONScanner.Failure) in
            switch name {
            case "alg": algorithm = try scanner.string()
            case "kid": keyID = try scanner.null() ? nil : scanner.string()
            case "crit":
                isCritical = true
                _ = try scanner.compactValue()
            default: _ = try scanner.compactValue()
            }
        }
        // RFC 7515 §4.1.11: whoever does not understand what is listed there must refuse it, and nothing is understood.
        guard !isCritical else { throw TokenFault("its header has 'crit', of which this server knows nothing.") }
        guard let algorithm else { throw TokenFault("its header has no 'alg'.") }
        (self.algorithm, self.keyID) = (algorithm, keyID)
    }
}

/// The JSON of tokens. A name that comes twice means different things to different readers, so it is refused.
enum TokenJSON {
    static func object(
        _ bytes: [UInt8],
        _ what: String,
        _ member: (String, inout JSONScanner) throws(JSONScanner.Failure) -> Void
    ) throws(TokenFault) {
        var scanner = JSONScanner(bytes)
        do throws(JSONScanner.Failure) {
            scanner.skipSpace()
            try object(&scanner, member)
            try scanner.end()
        } catch {
            throw TokenFault("its \(what) is not what it should be: \(error.why).")
        }
    }

    static func object(
        _ scanner: inout JSONScanner,
        _ member: (String, inout JSONScanner) throws(JSONScanner.Failure) -> Void
    ) throws(JSONScanner.Failure) {
        var seen: Set<String> = []
        try scanner.object { name, scanner throws(JSONScanner.Failure) in
            guard seen.insert(name).inserted else { throw .syntax("\(name.quotedForPeople) comes twice") }
            try member(name, &scanner)
        }
    }
}

extension JSONScanner.Failure {
    fileprivate var why: String {
        switch self {
        case .syntax(let what): what
        case .problem(let problem): problem.detail
        }
    }
}
