import Broker
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore
import NIOFoundationCompat

typealias PageHandler = @Sendable (Request, GatewayContext) async throws -> Response

/// Registers pages whose refusals a person can read, where a browser asks for a page.
struct PageRoutes {
    let router: Router<GatewayContext>
    let templates: Templates

    func add(_ path: RouterPath, get: PageHandler? = nil, post: PageHandler? = nil) {
        let isAdmin = "\(path)/".hasPrefix("/admin/")
        var handlers: [HTTPRequest.Method: @Sendable (Request, GatewayContext) async throws -> any ResponseGenerator] =
            [:]
        for (method, handler) in [(HTTPRequest.Method.get, get), (.post, post)] {
            guard let handler else { continue }
            handlers[method] = { [templates] request, context in
                do {
                    return try await handler(request, context)
                } catch let error as HTTPError where request.wantsPage {
                    return try templates.problem(error.status, error.body, isAdmin: isAdmin)
                } catch let error as BrokerError where request.wantsPage {
                    let status: HTTPResponse.Status =
                        error.code == .messageTooLarge ? .contentTooLarge : .serviceUnavailable
                    return try templates.problem(status, error.message, isAdmin: isAdmin)
                }
            }
        }
        router.page(path, needs: isAdmin ? .administration : .application, handlers)
    }
}

extension Templates {
    fileprivate func problem(_ status: HTTPResponse.Status, _ detail: String?, isAdmin: Bool) throws -> Response {
        try page(
            "problem",
            ["title": status.reasonPhrase, "detail": detail ?? "", "isAdmin": isAdmin],
            status: status
        )
    }
}

extension Request {
    /// Whether a person waits for a page, and no script for an answer.
    var wantsPage: Bool { headers[.accept]?.contains("text/html") ?? false }

    /// A field of the query; empty where there is none, or where the query is no query.
    func query(_ name: String) -> String {
        (try? FormFields(queryOf: head))?[name] ?? ""
    }
}

extension Response {
    /// To another page, by GET.
    static func redirect(_ path: String, cookie: String? = nil) -> Response {
        var headers: HTTPFields = [.location: path, .cacheControl: "no-store"]
        headers[.setCookie] = cookie
        return Response(status: .found, headers: headers)
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let body = ByteBuffer(data: try StoredText.encode(value))
        return Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: body)
        )
    }
}
