import Broker
import HTTPTypes
import NIOCore

/// `multipart/form-data` (RFC 7578), as browsers and curl send a form's text fields.
enum MultipartForm {
    /// The `boundary` parameter of a content type (RFC 2046 §5.1.1: 1 to 70 characters).
    static func boundary(in contentType: String) -> String? {
        for parameter in contentType.split(separator: ";").dropFirst() {
            let halves = parameter.split(separator: "=", maxSplits: 1)
            guard halves.count == 2, halves[0].trimmed.lowercased() == "boundary" else { continue }
            var value = halves[1].trimmed
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
            return (1...70).contains(value.utf8.count) ? String(value) : nil
        }
        return nil
    }

    /// The form's fields in their order.
    ///
    /// - Throws: ``Problem``: 400 for what is not of the form, and for values that are not UTF-8.
    static func fields(of body: ByteBuffer, boundary: String) throws(Problem) -> [(name: String, value: String)] {
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
        var fields: [(name: String, value: String)] = []
        while true {
            if bytes[position...].starts(with: "--".utf8) { return fields }
            guard let headStart = bytes.end(of: Array("\r\n".utf8), from: position),
                let headEnd = bytes.end(of: Array("\r\n\r\n".utf8), from: headStart - 2),
                let next = bytes.end(of: delimiter, from: headEnd - 2)
            else { throw malformed }
            let content = bytes[headEnd..<max(headEnd, next - delimiter.count)]
            guard let name = name(inHead: bytes[headStart..<max(headStart, headEnd - 2)]) else { throw malformed }
            guard let value = String(validating: content, as: UTF8.self) else {
                throw Problem(.badRequest, "The form field \(name.quotedForPeople) is not UTF-8.")
            }
            fields.append((name, value))
            position = next
        }
    }

    private static var malformed: Problem {
        Problem(.badRequest, "The body is not multipart/form-data with the boundary of its content type.")
    }

    /// The `name` of `Content-Disposition: form-data; name="…"`, in which browsers write `"`, CR and LF as escapes.
    private static func name(inHead head: some Collection<UInt8>) -> String? {
        guard let text = String(validating: head, as: UTF8.self) else { return nil }
        for line in text.split(separator: "\r\n") where line.lowercased().hasPrefix("content-disposition:") {
            guard let start = line.range(of: "name=\"", after: ";"),
                let end = line[start...].firstIndex(of: "\"")
            else { return nil }
            return FormText.percentDecoded(line[start..<end]) ?? String(line[start..<end])
        }
        return nil
    }
}

extension Substring {
    /// The place after `needle`, where it follows `separator` and spaces.
    fileprivate func range(of needle: String, after separator: Character) -> Index? {
        for part in split(separator: separator).dropFirst() where part.trimmed.hasPrefix(needle) {
            let trimmed = part.trimmed
            return trimmed.index(trimmed.startIndex, offsetBy: needle.count)
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
