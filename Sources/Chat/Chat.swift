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
///     log: log, router: router, streams: chat.streams, reserved: Chat.reservedGroups, counters: chat.counters,
///     openStreams: chat.openStreams, administrators: chat.administrators)
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
    /// For the gateway to fill, and for the admin to show.
    public let openStreams = OpenStreams()
    /// The password of the admin, where one was made just now: to be shown once.
    public let newAdminPassword: String?
    /// Whether there is a chat.
    public var hasChat: Bool { pages != nil }
    /// Whether there is an admin.
    public var hasAdmin: Bool { admin != nil }

    /// Nil where there is no chat.
    let pages: ChatPages?
    let admin: AdminPages?
    /// Where its messages are.
    let group: GroupName
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
        group = try GroupName(Self.groupName)
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
        pages =
            configuration.servesChat
            ? ChatPages(
                messages: messages,
                sessions: sessions,
                presence: presence,
                counters: counters,
                templates: templates
            ) : nil
        statistics = Statistics(log: log, store: store, counters: counters, group: try GroupName(Self.statisticsName))
        let password = configuration.servesAdmin ? try await AdminPassword.load(configuration, store) : nil
        newAdminPassword = password?.generated
        let hasAdmin = configuration.servesAdmin && (password != nil || configuration.takesTokens)
        admin =
            hasAdmin
            ? AdminPages(
                messages: messages,
                // Without a password nobody has a session.
                sessions: Sessions(store: store, configuration: configuration, cookies: cookies, seal: password?.seal),
                presence: Presence(log: log, group: group),
                password: password,
                takesTokens: configuration.takesTokens,
                openStreams: openStreams,
                counters: counters,
                statistics: statistics,
                templates: templates,
                tail: TailComposer(names: names)
            ) : nil
    }

    /// Adds the pages to a router, before the gateway is given it.
    public func register(in router: Router<GatewayContext>) {
        Assets.register(in: router)
        pages?.register(in: router)
        admin?.register(in: router)
    }

    /// Whoever has signed in to the admin; nil where there is none. For the gateway, whose figures the admin's pages link to.
    public var administrators: AdministratorSessions? {
        admin.map { admin in
            AdministratorSessions { try await admin.sessions.visitor($0.headerFields, .admin).session != nil }
        }
    }

    /// The event streams of the pages.
    public var streams: [StreamRoute] { [pages?.stream].compactMap(\.self) + (admin?.streams ?? []) }

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
