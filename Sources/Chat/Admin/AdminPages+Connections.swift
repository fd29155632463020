import Broker
import Gateway
import HTTPTypes
import Hummingbird

/// Who follows what, how far behind, and the end of it.
extension AdminPages {
    func connectionList(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let after = request.query("after")
        guard let (found, hasMore) = await openStreams.page(after: after.isEmpty ? nil : after, limit: Self.rows) else {
            // Of an earlier start of the server.
            return .redirect("/admin/connections/")
        }
        var values: [String: Any] = ["isEmpty": found.isEmpty, "isLater": !after.isEmpty, "after": after]
        if hasMore, let last = found.last { values["next"] = "?after=\(last.id)" }
        let newest = messages.log.frontier
        values["items"] = found.map { Self.row($0, newest) }
        return try page("admin-connections", visitor, title: "Connections", values)
    }

    private static func row(_ stream: OpenStream, _ newest: MessageID) -> [String: Any] {
        let topics = stream.groups.map(\.description) + stream.patterns
        var row: [String: Any] = [
            "id": stream.id, "user": stream.user ?? "nobody known", "transport": stream.transport.rawValue,
            "topics": topics.isEmpty
                ? "nothing"
                : topics.prefix(shownTopics).joined(separator: ", ")
                    + (topics.count > shownTopics ? " and \(topics.count - shownTopics) more" : ""),
            "state": state(of: stream, newest), "waiting": DataSize.text(stream.waitingBytes),
            "since": "\(stream.since)",
        ]
        row["address"] = stream.address
        return row
    }

    private static let shownTopics = 5

    private static func state(of stream: OpenStream, _ newest: MessageID) -> String {
        if stream.isLive { return "live" }
        guard let position = stream.position else { return "opening" }
        // The log has the messages of all groups.
        return "catching up, at most \(max(0, newest.sequence - position.sequence)) messages behind"
    }

    func endConnection(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let id = form["id"] ?? ""
        let back = "/admin/connections/" + Self.query(["after"]) { form[$0] ?? "" }
        let wasOpen = await openStreams.end(id)
        return redirect(
            visitor,
            back,
            notice: wasOpen ? "The connection \(id) was ended." : "That connection had ended already."
        )
    }
}

/// Bytes for people.
enum DataSize {
    static func text(_ bytes: Int) -> String {
        let units = ["B", "KiB", "MiB", "GiB"]
        var (value, unit) = (Double(bytes), 0)
        while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
