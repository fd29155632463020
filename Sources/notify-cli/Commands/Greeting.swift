import Broker
import Chat

/// What `serve` says once it listens: where, what it keeps, and what to try first.
struct Greeting {
    let database: String
    let durability: Durability
    let retention: RetentionPolicy
    let chat: Chat?
    /// Whether requests need a token.
    let hasKeys: Bool

    init(
        database: String,
        durability: Durability = .full,
        retention: RetentionPolicy = RetentionPolicy(),
        chat: Chat? = nil,
        hasKeys: Bool = false
    ) {
        (self.database, self.durability, self.retention, self.chat) = (database, durability, retention, chat)
        self.hasKeys = hasKeys
    }

    init(_ store: SQLiteMessageStore, _ retention: RetentionPolicy, _ chat: Chat?, hasKeys: Bool) {
        self.init(
            database: store.path,
            durability: store.configuration.durability,
            retention: retention,
            chat: chat,
            hasKeys: hasKeys
        )
    }

    func text(_ served: ServedAddresses) -> String {
        let url = served.url
        let curl = served.curl + (hasKeys ? " -H \"Authorization: Bearer $NOTIFY_TOKEN\"" : "")
        return """
            Notify listens on \(served.sentence)
            \(kept)
            \(chat.map { "\n\($0.greeting(url))\n" } ?? "\nChat and admin:    off; --admin serves the admin\n")
            Follow a group:    \(curl) -N \(url)/groups/my-group/events
            Publish to it:     \(curl) -d 'data=hello' \(url)/groups/my-group/messages

            Stop with Ctrl-C.
            """
    }

    private var kept: String {
        let isInMemory = database == SQLiteMessageStore.inMemoryPath
        var text =
            isInMemory
            ? "Messages are kept in memory and are gone when the server stops."
            : "Messages are kept in \(database)."
        if !isInMemory, durability == .normal { text += " The newest may be gone after a power failure." }
        guard !retention.rules.isEmpty else { return isInMemory ? text : text + " None is ever removed." }
        text += "\nWhat is kept of a group, by the first pattern that matches its name:"
        for rule in retention.rules { text += "\n    \(rule.groups): \(rule.sentence)" }
        if !retention.rules.contains(where: { $0.groups.description == "*" }) { text += "\n    any other: all" }
        return text
    }
}
