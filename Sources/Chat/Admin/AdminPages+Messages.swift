import Broker
import Foundation
import Gateway
import Hummingbird

extension AdminPages {
    func messageList(_ request: Request, _ visitor: Visitor) async throws -> Response {
        var search = MessageSearch()
        search.text = request.query("q")
        search.group = request.query("group")
        search.author = request.query("author")
        search.from = Self.day(request.query("from"))
        search.to = Self.day(request.query("to")).map { Timestamp(milliseconds: $0.milliseconds + 86_400_000) }
        search.before = Int64(request.query("before"))
        let (found, next) = try await messages.search(search, limit: Self.rows)
        var values: [String: Any] = [
            "q": search.text, "group": search.group, "author": search.author, "from": request.query("from"),
            "to": request.query("to"), "items": found.map(Self.row), "isEmpty": found.isEmpty,
            "isFiltered": request.uri.query?.isEmpty == false,
        ]
        if let next {
            values["older"] = Self.query(Self.messageFilter) { $0 == "before" ? "\(next)" : request.query($0) }
        }
        values["filter"] = Self.fields(Self.messageFilter, request.query)
        return try page("admin-messages", visitor, title: "Messages", values)
    }

    private static func row(_ message: FoundMessage) -> [String: Any] {
        var row: [String: Any] = [
            "value": "\(message.sequence).\(message.group)", "sequence": message.sequence,
            "group": "\(message.group)", "text": message.text, "time": "\(message.createdAt)",
            "shownTime": shown(message.createdAt),
            // What is folded can be scrolled, by the keyboard too.
            "isLong": message.text.utf8.count > 300 || message.text.count(where: \.isNewline) > 5,
        ]
        if message.event != Message.defaultEvent { row["event"] = message.event }
        if let author = message.author, let id = message.authorID {
            row["by"] = ["name": author, "id": id] as [String: Any]
        }
        return row
    }

    /// `2026-11-21 10:54:23`, in UTC.
    static func shown(_ time: Timestamp) -> String {
        String("\(time)".prefix(19)).replacing("T", with: " ")
    }

    /// The beginning of a day in UTC, as a date field gives it.
    private static func day(_ text: String) -> Timestamp? {
        text.count == 10 ? Timestamp(rfc3339: "\(text)T00:00:00Z") : nil
    }

    /// What a list of messages is asked for with. Forms that come back to the list carry it.
    private static let messageFilter = ["q", "group", "author", "from", "to", "before"]

    func deleteMessages(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let chosen = form.values(of: "message").compactMap(Self.chosen)
        let back = "/admin/messages/" + Self.query(Self.messageFilter) { form[$0] ?? "" }
        guard !chosen.isEmpty else {
            return redirect(visitor, back, notice: "No message was chosen: choose some, then delete them.")
        }
        guard form["confirmed"] == nil else {
            try await messages.remove(chosen)
            let notice = chosen.count == 1 ? "1 message was deleted." : "\(chosen.count) messages were deleted."
            return redirect(visitor, back, notice: notice)
        }
        let found = try await messages.messages(chosen.map(\.sequence))
        return try confirm(
            visitor,
            question: (chosen.count == 1 ? "Delete this message?" : "Delete these \(chosen.count) messages?", nil, ""),
            action: "/admin/messages/delete/",
            button: "Delete",
            back: back,
            fields: Self.messageFilter.map { ($0, form[$0] ?? "") }
                + chosen.map { ("message", "\($0.sequence).\($0.group)") },
            items: found.map(Self.row)
        )
    }

    /// `12.my-group`
    private static func chosen(_ text: String) -> (sequence: Int64, group: GroupName)? {
        let halves = text.split(separator: ".", maxSplits: 1)
        guard halves.count == 2, let sequence = Int64(halves[0]), let group = try? GroupName(stored: String(halves[1]))
        else {
            return nil
        }
        return (sequence, group)
    }
}
