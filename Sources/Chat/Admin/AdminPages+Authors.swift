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
        return try page("admin-authors", visitor, title: "Authors", values)
    }

    private static func row(_ author: Author) -> [String: Any] {
        [
            "id": author.id, "name": author.name, "messages": author.messages, "time": "\(author.createdAt)",
            "shownTime": shown(author.createdAt), "encodedName": formEncoded(author.name),
        ]
    }

    func authorPage(_ request: Request, _ visitor: Visitor) async throws -> Response {
        try authorPage(try await author(request.query("id")), visitor)
    }

    /// - Parameter typed: The name that was refused, to be mended and sent again.
    private func authorPage(
        _ author: Author,
        _ visitor: Visitor,
        typed: String? = nil,
        refusal: String? = nil
    ) throws -> Response {
        var values = Self.row(author)
        values["newName"] = typed ?? author.name
        values["refusal"] = refusal
        return try page("admin-author", visitor, title: "Author", values, status: refusal == nil ? .ok : .badRequest)
    }

    func renameAuthor(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let author = try await author(form["id"] ?? "")
        let typed = form["name"] ?? ""
        guard let name = DisplayName.trimmed(typed), !name.isEmpty else {
            let refusal = "A name has 1 to \(DisplayName.maximumLength) characters, one of which can be seen."
            return try authorPage(author, visitor, typed: typed, refusal: refusal)
        }
        guard try await messages.rename(author, to: name) else {
            return try authorPage(author, visitor, typed: typed, refusal: "Another author has this name.")
        }
        return redirect(visitor, "/admin/author/?id=\(author.id)", notice: "The author has a new name.")
    }

    func deleteAuthor(_ request: Request, _ visitor: Visitor, _ form: FormFields) async throws -> Response {
        let author = try await author(form["id"] ?? "")
        guard form["confirmed"] == nil else {
            try await messages.remove(author)
            return redirect(visitor, "/admin/authors/", notice: "The author was deleted, with all messages.")
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
