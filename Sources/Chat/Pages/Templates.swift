import HTTPTypes
import Hummingbird
import Logging
import Mustache
import NIOCore

/// The HTML of the pages, from the templates in `Resources/`, which are part of the program.
struct Templates: Sendable {
    private let library: MustacheLibrary

    init() {
        MustacheContentTypes.register(EscapedHTML(), named: "ESCAPED")
        var templates: [String: MustacheTemplate] = [:]
        for (name, bytes) in Self.sources {
            do {
                templates[name] = try MustacheTemplate(
                    string: "{{% CONTENT_TYPE:ESCAPED}}" + String(decoding: bytes, as: UTF8.self)
                )
            } catch {
                // A page without its template answers 500; the tests load all of them.
                Logger(label: "notify").critical("The template '\(name)' is broken", metadata: ["error": "\(error)"])
            }
        }
        library = MustacheLibrary(templates: templates)
    }

    private static let sources: [(String, [UInt8])] = [
        ("layout", PackageResources.layout_mustache),
        ("lobby", PackageResources.lobby_mustache),
        ("chat", PackageResources.chat_mustache),
        ("problem", PackageResources.problem_mustache),
        ("admin", PackageResources.admin_mustache),
        ("admin-sign-in", PackageResources.admin_sign_in_mustache),
        ("admin-overview", PackageResources.admin_overview_mustache),
        ("admin-messages", PackageResources.admin_messages_mustache),
        ("admin-authors", PackageResources.admin_authors_mustache),
        ("admin-author", PackageResources.admin_author_mustache),
        ("admin-groups", PackageResources.admin_groups_mustache),
        ("admin-connections", PackageResources.admin_connections_mustache),
        ("admin-access", PackageResources.admin_access_mustache),
        ("admin-live", PackageResources.admin_live_mustache),
        ("admin-confirm", PackageResources.admin_confirm_mustache),
    ]

    /// A page, with what keeps a browser from running, framing, sniffing or keeping anything that is not ours.
    func page(
        _ name: String,
        _ values: [String: Any],
        status: HTTPResponse.Status = .ok,
        cookie: String? = nil
    ) throws -> Response {
        guard let html = library.render(values, withTemplate: name) else {
            throw HTTPError(.internalServerError, message: "The page has no template.")
        }
        var headers = Self.headers
        headers[.setCookie] = cookie
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    static let headers: HTTPFields = {
        var fields: HTTPFields = [
            .contentType: "text/html; charset=utf-8",
            .cacheControl: "no-store",
            .contentSecurityPolicy:
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            .xContentTypeOptions: "nosniff",
        ]
        // Not "no-referrer", under which browsers send forms with "Origin: null" (Fetch standard, §3.2).
        if let name = HTTPField.Name("Referrer-Policy") { fields[name] = "same-origin" }
        if let name = HTTPField.Name("Cross-Origin-Opener-Policy") { fields[name] = "same-origin" }
        return fields
    }()
}

/// HTML escaping by code point. The library's own goes by character, and passes a quote that a combining mark follows: for
/// a browser that is a quote all the same, and ends the attribute.
struct EscapedHTML: MustacheContentType {
    func escapeText(_ text: String) -> String {
        var escaped = ""
        escaped.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
