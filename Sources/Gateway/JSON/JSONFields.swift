import Broker
import HTTPTypes
import NIOCore

/// The JSON body of a publish: `{"event":"greeting","data":…,"ttl":60}`.
///
/// Foundation's decoder cannot be used: `data` that is not a string goes out as its own bytes less the white space between
/// tokens, so that key order, long numbers and escapes stay as the publisher wrote them.
enum JSONFields {
    /// `"event":null` and `"ttl":null` mean that there is none, as many encoders write it.
    ///
    /// - Throws: ``Problem``: 400 for what is not JSON (RFC 8259), for another value than an object, and for an unknown or
    ///   repeated key, which is named. `advice` follows on the first.
    static func read(
        _ body: ByteBuffer,
        keys: [String] = ["event", "data", "ttl"],
        advice: String = ""
    ) throws(Problem) -> PublishRequest.Fields {
        guard body.readableBytes > 0 else { throw Problem(.badRequest, "The body is empty: send {\"data\":…}.") }
        var scanner = JSONScanner(body.readableBytesView)
        do throws(JSONScanner.Failure) {
            return try read(&scanner, keys)
        } catch {
            switch error {
            case .problem(let problem): throw problem
            case .syntax(let expectation):
                throw Problem(.badRequest, "This is not JSON: \(expectation) at byte \(scanner.offset).\(advice)")
            }
        }
    }

    private static func read(
        _ scanner: inout JSONScanner,
        _ keys: [String]
    ) throws(JSONScanner.Failure) -> PublishRequest.Fields {
        var fields = PublishRequest.Fields()
        var seen: Set<String> = []
        scanner.skipSpace()
        guard scanner.peek == UInt8(ascii: "{") else {
            _ = try scanner.compactValue()
            try scanner.end()
            throw .problem(Problem(.badRequest, "This must be a JSON object: {\"event\":\"…\",\"data\":…}."))
        }
        try scanner.object { key, scanner throws(JSONScanner.Failure) in
            guard seen.insert(key).inserted else {
                throw .problem(Problem(.badRequest, "The key \(key.quotedForPeople) comes twice."))
            }
            switch keys.contains(key) ? key : "" {
            case "group": fields.group = try text(key, &scanner)
            case "event": fields.event = try scanner.null() ? nil : text(key, &scanner)
            case "data":
                fields.data =
                    scanner.peek == UInt8(ascii: "\"")
                    ? ByteBuffer(string: try scanner.string()) : try scanner.compactValue()
            case "ttl":
                fields.ttl = try scanner.null() ? nil : String(buffer: scanner.compactValue())
            default:
                // At once: what follows may be large, and is wanted by nobody.
                throw .problem(
                    Problem(
                        .badRequest,
                        "Unknown key \(key.quotedForPeople). There are \(keys.joined(separator: ", "))."
                    )
                )
            }
        }
        try scanner.end()
        return fields
    }

    private static func text(_ key: String, _ scanner: inout JSONScanner) throws(JSONScanner.Failure) -> String {
        guard scanner.peek == UInt8(ascii: "\"") else {
            throw .problem(Problem(.badRequest, "\"\(key)\" must be a string."))
        }
        return try scanner.string()
    }
}
