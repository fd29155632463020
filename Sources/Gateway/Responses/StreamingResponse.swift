public import HTTPTypes
public import Hummingbird

/// A response whose body is made while it is sent: return it from a route.
///
/// ```swift
/// router.page("/numbers", needs: .nothing, [.get: { request, context in
///     try StreamingResponse(numbers).response(from: request, context: context)
/// }])
/// ```
///
/// Each part goes out as it is made; parts that are ready together go together. The sequence is asked for the next part only
/// while the client takes them: beside one part, at most 16 KiB wait. A client that goes away cancels the task in which the
/// sequence runs. What the sequence throws ends the response so that the client can see it is not whole, and is logged.
///
/// A request with `HEAD` starts no sequence. It works in any Hummingbird server; what is said here holds for the gateway's.
public struct StreamingResponse: ResponseGenerator, Sendable {
    /// As it was given.
    public var status: HTTPResponse.Status
    /// As they were given. How the body is framed, the gateway adds.
    public var headers: HTTPFields
    /// As it was given.
    public let contentLength: Int?
    private let write: @Sendable (inout any ResponseBodyWriter) async throws -> Void

    /// - Parameters:
    ///   - headers: `Content-Type` among them.
    ///   - contentLength: The bytes of all parts together, where that is known. A body of another length counts as failed.
    ///   - parts: Bytes, text or events. An empty part is passed over.
    public init<Parts: AsyncSequence & Sendable>(
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:],
        contentLength: Int? = nil,
        _ parts: Parts
    ) where Parts.Element: ResponsePart {
        (self.status, self.headers, self.contentLength) = (status, headers, contentLength)
        write = { writer in
            for try await part in parts { try await writer.write(part.bytes) }
        }
    }

    /// The same of parts that are there without waiting, or are made one after the other.
    public init<Parts: Sequence & Sendable>(
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:],
        contentLength: Int? = nil,
        _ parts: Parts
    ) where Parts.Element: ResponsePart {
        (self.status, self.headers, self.contentLength) = (status, headers, contentLength)
        write = { writer in
            for part in parts { try await writer.write(part.bytes) }
        }
    }

    public func response(from request: Request, context: some RequestContext) -> Response {
        let body = ResponseBody(contentLength: contentLength) { [write] writer in
            try await write(&writer)
            try await writer.finish(nil)
        }
        return Response(status: status, headers: headers, body: body)
    }
}
