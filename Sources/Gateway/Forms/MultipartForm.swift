import Broker
import HTTPTypes
import NIOCore

/// `multipart/form-data` (RFC 7578), as browsers and curl send a form's text fields.
enum MultipartForm {
    /// The head of a part may have so many bytes: a name, and what clients write beside it.
    private static let maximumHeadBytes = 8 << 10

    /// The `boundary` parameter of a content type (RFC 2046 §5.1.1: 1 to 70 characters).
    static func boundary(in contentType: String) -> String? {
        FieldParameters.value(of: "boundary", in: contentType).flatMap { (1...70).contains($0.utf8.count) ? $0 : nil }
    }

    /// The form's fields in their order.
    ///
    /// - Throws: ``Problem``: 400 for what is not of the form, for values that are not UTF-8, and for more fields than
    ///   ``FormText/maximumFields``.
    static func fields(of body: ByteBuffer, boundary: String) throws(Problem) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        try forEachField(of: body, boundary: boundary) { (name, value) throws(Problem) in
            guard fields.count < FormText.maximumFields else {
                throw Problem(.badRequest, "The form has more than \(FormText.maximumFields) fields.")
            }
            fields.append((name, value))
        }
        return fields
    }

    /// Calls `take` for each field in order, as it is met: who throws at one that is not wanted spares the rest.
    ///
    /// - Throws: ``Problem``: 400 for what is not of the form, and for values that are not UTF-8; what `take` throws.
    static func forEachField(
        of body: ByteBuffer,
        boundary: String,
        _ take: (String, String) throws(Problem) -> Void
    ) throws(Problem) {
        guard !boundary.isEmpty else {
            throw Problem(
                .badRequest,
                "The content type multipart/form-data needs its boundary: let the client set it."
            )
        }
        let bytes = body.readableBytesView
        let delimiter = Array("\r\n--\(boundary)".utf8)
        // The first delimiter may stand at the very beginning, without its line break.
        guard
            var position = bytes.starts(with: delimiter.dropFirst(2))
                ? bytes.startIndex + delimiter.count - 2 : bytes.end(of: delimiter, from: bytes.startIndex)
        else { throw malformed }
        while true {
            if bytes[position...].starts(with: "--".utf8) { return }
            let limit = min(bytes.endIndex, position + maximumHeadBytes)
            guard let headStart = bytes[..<limit].end(of: Array("\r\n".utf8), from: position),
                let headEnd = bytes[..<limit].end(of: Array("\r\n\r\n".utf8), from: headStart - 2)
            else { throw malformed }
            guard let name = name(inHead: bytes[headStart..<max(headStart, headEnd - 2)]),
                let next = bytes.end(of: delimiter, from: headEnd - 2)
            else { throw malformed }
            let content = bytes[headEnd..<max(headEnd, next - delimiter.count)]
            guard let value = String(validating: content, as: UTF8.self) else {
                throw Problem(.badRequest, "The form field \(name.quotedForPeople) is not UTF-8.")
            }
            try take(name, value)
            position = next
        }
    }

    private static var malformed: Problem {
        Problem(.badRequest, "The body is not multipart/form-data with the boundary of its content type.")
    }

    /// The `name` of `Content-Disposition: form-data; name="…"`, in which browsers write `"`, CR and LF as escapes. A name
    /// without quotes is a token (RFC 2183 §2), as .NET sends it.
    private static func name(inHead head: some Collection<UInt8>) -> String? {
        guard let text = String(validating: head, as: UTF8.self) else { return nil }
        let header = "content-disposition:"
        for line in text.split(separator: "\r\n")
        where line.utf8.count > header.utf8.count && line.prefix(header.utf8.count).lowercased() == header {
            return FieldParameters.value(of: "name", in: line).map { FormText.percentDecoded($0) ?? $0 }
        }
        return nil
    }
}

extension ByteBufferView {
    /// The index after the first occurrence of `needle` at or after `start`.
    fileprivate func end(of needle: [UInt8], from start: Int) -> Int? {
        guard let first = needle.first else { return start }
        let base = startIndex
        let found = withUnsafeBytes { bytes -> Int? in
            var index = Swift.max(start - base, 0)
            while index + needle.count <= bytes.count {
                if bytes[index] == first, bytes[index..<(index + needle.count)].elementsEqual(needle) {
                    return index + needle.count
                }
                index += 1
            }
            return nil
        }
        return found.map { $0 + base }
    }
}
