import Crypto
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// Styles, scripts and pictures. They are part of the program, and the browser asks each time whether they have changed.
enum Assets {
    private static let files: [(name: String, type: String, bytes: [UInt8])] = [
        ("base.css", "text/css; charset=utf-8", PackageResources.base_css),
        ("chat.css", "text/css; charset=utf-8", PackageResources.chat_css),
        ("admin.css", "text/css; charset=utf-8", PackageResources.admin_css),
        ("chat.js", "text/javascript; charset=utf-8", PackageResources.chat_js),
        ("lobby.js", "text/javascript; charset=utf-8", PackageResources.lobby_js),
        ("overview.js", "text/javascript; charset=utf-8", PackageResources.overview_js),
        ("live.js", "text/javascript; charset=utf-8", PackageResources.live_js),
        ("messages.js", "text/javascript; charset=utf-8", PackageResources.messages_js),
        ("icon.svg", "image/svg+xml", PackageResources.icon_svg),
    ]

    static func register(in router: Router<GatewayContext>) {
        for file in files {
            let body = ByteBuffer(bytes: file.bytes)
            let tag = SHA256.hash(data: file.bytes).prefix(12).map { String($0, radix: 16) }.joined()
            let headers: HTTPFields = [
                .contentType: file.type, .cacheControl: "no-cache", .eTag: "\"\(tag)\"",
                .xContentTypeOptions: "nosniff",
            ]
            router.page(
                RouterPath("/assets/\(file.name)"),
                needs: .nothing,
                [
                    .get: { request, _ in
                        if EntityTag(tag).isNamed(in: request.headers[values: .ifNoneMatch]) {
                            return Response(status: .notModified, headers: headers)
                        }
                        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
                    }
                ]
            )
        }
    }
}
