import HTTPTypes
import Hummingbird
import NIOCore

/// What a route has answered.
enum RoutedResponse: Sendable {
    case whole(Answer)
    /// Its body comes through the pipe.
    case streamed(StreamedHead, ResponsePipe)
}

/// The head of a response whose body is made while it is sent.
struct StreamedHead: Sendable {
    let status: HTTPResponse.Status
    let headers: HTTPFields
    /// The bytes of the body; nil where nobody knows them beforehand.
    let length: Int?

    init(_ response: Response) {
        status = response.status
        length = response.body.contentLength ?? response.headers[.contentLength].flatMap { Int($0) }
        var headers = response.headers
        // How a connection goes on and how a body is framed is not the route's to say.
        for name in [.connection, .transferEncoding, .upgrade, HTTPField.Name("Keep-Alive")] {
            if let name { headers[name] = nil }
        }
        headers[.contentLength] = length.map { "\($0)" }
        self.headers = headers
    }

    /// As operators count it.
    var kind: StreamedKind {
        headers[.contentType]?.hasPrefix("text/event-stream") ?? false ? .events : .bytes
    }
}

/// What responses are streamed, as operators count them.
public enum StreamedKind: String, CaseIterable, Hashable, Sendable {
    /// Event streams that a route makes.
    case events
    /// Anything else.
    case bytes
}

/// Takes the body of a route's response. What comes as one part, and is all of it, is an answer like any other; anything else is
/// streamed.
///
/// Used by one task.
final class RoutedBody {
    /// A body of another length than was said.
    struct WrongLength: Error, CustomStringConvertible {
        let announced: Int
        let written: Int

        var description: String {
            "The body has \(written) bytes\(written > announced ? " at least" : ""), and its contentLength says \(announced)"
        }
    }

    /// A part goes out in slices of so many bytes, each of which waits for the client.
    private static let sliceBytes = 64 << 10

    private let head: StreamedHead
    private let begin: (StreamedHead, ResponsePipe) throws -> Void
    private var pipe: ResponsePipe?
    private var whole = ByteBuffer()
    private var written = 0

    /// - Parameter begin: Called at most once, when the body turns out to be streamed.
    private init(_ head: StreamedHead, _ begin: @escaping (StreamedHead, ResponsePipe) throws -> Void) {
        (self.head, self.begin) = (head, begin)
    }

    /// Writes a response's body.
    ///
    /// - Parameters:
    ///   - begin: Called at most once, where the body is streamed, before its first part is made unless its length is known.
    ///   - failed: Told what has ended a streamed response before its end.
    /// - Returns: The whole answer; nil where it was streamed.
    /// - Throws: What has failed before anything was streamed.
    static func take(
        _ response: Response,
        begin: @escaping (StreamedHead, ResponsePipe) throws -> Void,
        failed: (any Error) -> Void
    ) async throws -> Answer? {
        let body = RoutedBody(StreamedHead(response), begin)
        do {
            if body.head.length == nil { try body.stream() }
            try await response.body.write(Writer(body: body))
            return try body.finish(response)
        } catch {
            guard let pipe = body.pipe else { throw error }
            failed(error)
            pipe.finish(.failed(error))
            return nil
        }
    }

    private struct Writer: ResponseBodyWriter {
        let body: RoutedBody

        mutating func write(_ part: ByteBuffer) async throws { try await body.write(part) }

        /// The end comes with the end of the body's closure. There are no trailers.
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }

    private func write(_ part: ByteBuffer) async throws {
        // A sequence of nothing but empty parts must end as well, where its client has gone.
        guard part.readableBytes > 0 else { return try Task.checkCancellation() }
        written += part.readableBytes
        if let length = head.length {
            guard written <= length else { throw WrongLength(announced: length, written: written) }
            if pipe == nil, written == length { return whole = part }
        }
        let pipe = try stream()
        var rest = part
        while rest.readableBytes > Self.sliceBytes, let slice = rest.readSlice(length: Self.sliceBytes) {
            try await pipe.write(slice)
        }
        try await pipe.write(rest)
    }

    @discardableResult
    private func stream() throws -> ResponsePipe {
        if let pipe { return pipe }
        let pipe = ResponsePipe()
        try begin(head, pipe)
        self.pipe = pipe
        return pipe
    }

    private func finish(_ response: Response) throws -> Answer? {
        if let length = head.length, written < length { throw WrongLength(announced: length, written: written) }
        guard let pipe else {
            return Answer(status: response.status, headers: response.headers, body: whole, isForPrograms: false)
        }
        pipe.finish()
        return nil
    }
}
