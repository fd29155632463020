import Broker
import Gateway
import HTTPTypes
import Hummingbird

extension AdminPages {
    func authorList(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let (search, after) = (request.query("q"), request.query("after"))
        var found = try await messages.authors(search: search, after: after, limit: Self.rows + 1)
        var values: [String: Any] = ["q": search, "isEmpty": found.isEmpty, "isFiltered": !search.isEmpty]
        if found.count > Self.rows {
            found.removeLast()
            values["next"] = "?q=\(Self.formEncoded(search))&after=\(Self.formEncoded(found.last?.name ?? ""))"
        }
        values["items"] = found.map(Self.row)
        if !request.query("removed").isEmpty { values["notice"] = "The author was deleted, with all messages." }
        return try page("admin-authors", visitor, title: "Authors", values)
    }

    private static func row(_ author: Author) -> [String: Any] {
        [
            "id": author.id, "name": author.name, "messages": author.messages, "time": "\(author.createdAt)",
            "shownTime": shown(author.createdAt), "encodedName": formEncoded(author.name),
        ]
    }

    func authorPage(_ request: Request, _ visitor: Visitor) async throws -> Response {
        let author = try await author(request.query("id"))
        let notice = request.query("renamed").isEmpty ? nil : "The author has a new name."
        return try authorPage(author, visitor, notice: notice)
    }

    private func authorPage(
        _ author: Author,
        _ visitor: Visitor,
        notice: String? = nil,
        refusal: String? = nil
    ) throws -> Response {
        var values = Self.row(author)
        values["notice"] = notice
        values["refusal"] = refusal
        return try page("admin-author", visitor, title: "Author", values, status: refusal == nil ? .ok : .badRequest)
    }

    func renameAuthor(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let author = try await author(form["id"] ?? "")
        guard let name = DisplayName.trimmed(form["name"] ?? ""), !name.isEmpty else {
            return try authorPage(author, visitor, refusal: "A name has 1 to \(DisplayName.maximumLength) characters.")
        }
        guard try await messages.rename(author, to: name) else {
            return try authorPage(author, visitor, refusal: "Another author has this name.")
        }
        return .redirect("/admin/author/?id=\(author.id)&renamed=1")
    }

    func deleteAuthor(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let author = try await author(form["id"] ?? "")
        guard form["confirmed"] == nil else {
            try await messages.remove(author)
            return .redirect("/admin/authors/?removed=1")
        }
        let count = author.messages == 1 ? "1 message" : "\(author.messages) messages"
        return try confirm(
            visitor,
            question: ("Delete the author", author.name, " with \(count)?"),
            action: "/admin/author/delete/",
            button: "Delete",
            back: "/admin/author/?id=\(author.id)",
            fields: [("id", "\(author.id)")]
        )
    }

    private func author(_ id: String) async throws -> Author {
        guard let id = Int64(id), let author = try await messages.author(id) else {
            throw HTTPError(.notFound, message: "There is no such author; perhaps the author was deleted.")
        }
        return author
    }
}
