public import Broker
import GRDB
public import Gateway
public import Hummingbird
import Logging
public import ServiceLifecycle

/// The seed application: a chat with a lobby, and an admin, on a message log and its gateway.
///
/// ```swift
/// let chat = try await Chat(log: log, store: store)
/// let router = Router(context: GatewayContext.self)
/// chat.register(in: router)
/// let gateway = try Gateway(
///     log: log, router: router, streams: chat.streams, reserved: Chat.reservedGroups, counters: chat.counters)
/// ```
///
/// Its messages are messages of the log, in a group that the public routes refuse; beside each it keeps who wrote it.
public final class Chat: Service {
    /// Refused by the public routes, also where the chat is turned off: nobody may write into its history meanwhile.
    public static let reservedGroups = Set([groupName, changesName, statisticsName].compactMap { try? GroupName($0) })
    private static let groupName = "notify.chat"
    private static let changesName = "notify.chat.changes"
    private static let statisticsName = "notify.statistics"

    /// For the gateway to count into, and for the admin's overview to show.
    public let counters = Counters()
    /// The password of the admin, where one was made just now: to be shown once.
    public let newAdminPassword: String?
    /// Whether there is an admin.
    public var hasAdmin: Bool { admin != nil }

    let pages: ChatPages
    let admin: AdminPages?
    private let presence: Presence
    private let statistics: Statistics

    /// Makes the chat's tables where they are missing.
    ///
    /// - Parameter store: That of `log`.
    /// - Throws: ``BrokerError`` if the database cannot be used.
    public init(
        log: MessageLog,
        store: SQLiteMessageStore,
        configuration: ChatConfiguration = ChatConfiguration()
    ) async throws(BrokerError) {
        let group = try GroupName(Self.groupName)
        try store.migrate(ChatSchema.migrator)
        let names = AuthorNames()
        let messages = ChatMessages(
            log: log,
            store: store,
            group: group,
            changes: try GroupName(Self.changesName),
            names: names
        )
        try await messages.prepare()
        let cookies = try await CookieNames.load(store)
        let sessions = Sessions(store: store, configuration: configuration, cookies: cookies)
        presence = Presence(log: log, group: group)
        let templates = Templates()
        pages = ChatPages(
            messages: messages,
            sessions: sessions,
            presence: presence,
            counters: counters,
            templates: templates
        )
        statistics = Statistics(log: log, store: store, counters: counters, group: try GroupName(Self.statisticsName))
        let password = try await AdminPassword.load(configuration, store)
        newAdminPassword = password?.generated
        admin = password.map { [statistics] in
            AdminPages(
                messages: messages,
                sessions: Sessions(store: store, configuration: configuration, cookies: cookies, seal: $0.seal),
                presence: Presence(log: log, group: group),
                password: $0,
                statistics: statistics,
                templates: templates,
                tail: TailComposer(names: names)
            )
        }
    }

    /// Adds the pages to a router, before the gateway is given it.
    public func register(in router: Router<GatewayContext>) {
        Assets.register(in: router)
        pages.register(in: router)
        admin?.register(in: router)
    }

    /// The event streams of the pages.
    public var streams: [StreamRoute] { [pages.stream] + (admin?.streams ?? []) }

    /// Tells those who are here who is here, and the admin how the broker does, until the task is cancelled or its service
    /// group shuts down.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [presence, statistics] in
            var turn = 0
            while !Task.isCancelled {
                presence.announceIfChanged()
                if turn.isMultiple(of: 4) { await statistics.sample() }
                turn += 1
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }
}
