public import HTTPTypes
public import Hummingbird
import NIOCore

/// The fields of a form as a browser sends it: urlencoded, or multipart (`FormData`). Files count as absent.
public struct FormFields: Sendable {
    private let fields: [(name: String, value: String)]

    /// - Throws: What a route may throw: 400 for a body that is not such a form; an `HTTPError` with 413 for one over
    ///   `maximumBytes`.
    public init(_ request: Request, maximumBytes: Int) async throws {
        let type = request.headers[.contentType] ?? ""
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: maximumBytes)
        } catch {
            throw HTTPError(
                .contentTooLarge,
                message: "The form is too large: at most \(maximumBytes) bytes are allowed."
            )
        }
        switch type.mediaType {
        case "multipart/form-data":
            fields = try MultipartForm.fields(of: body, boundary: MultipartForm.boundary(in: type) ?? "")
        case "application/x-www-form-urlencoded", "":
            do {
                fields = try FormText.fields(of: String(buffer: body))
            } catch {
                throw Problem(.badRequest, "The form has a broken percent escape, or is not UTF-8.")
            }
        default:
            throw Problem(.unsupportedMediaType, "Send a form: urlencoded, or multipart/form-data.")
        }
    }

    /// The fields of a request's query, as a form with the method GET sends them.
    ///
    /// - Throws: What a route may throw: 400 where an escape is broken or not UTF-8.
    public init(queryOf request: HTTPRequest) throws {
        fields = try RequestTarget(request.path ?? "/").fields()
    }

    /// The first field of a name.
    public subscript(name: String) -> String? { fields.first { $0.name == name }?.value }

    /// All fields of a name, in their order.
    public func values(of name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
}
