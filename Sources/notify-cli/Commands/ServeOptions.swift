import ArgumentParser
import Broker
import Chat
import Gateway
import Logging

/// All that `serve` can be told. `config check` and `config show` take the same, and read it in the same way.
struct ServeOptions: ParsableArguments {
    @OptionGroup(title: "Listening") var listening: ServeListening
    @OptionGroup(title: "Access") var access: ServeAccess
    @OptionGroup(title: "Storage") var storage: ServeStorage
    @OptionGroup(title: "Chat") var chat: ServeChat
    @OptionGroup(title: "Limits") var limits: ServeLimits
    @OptionGroup var config: ConfigOptions

    /// Makes a plan of what was asked for. Nothing is started, bound or written.
    ///
    /// - Parameters:
    ///   - logger: What the server will log with.
    ///   - handedOver: Its address takes the place of --host and --port, and is judged like them.
    ///   - readsKeys: Whether the plan has the keys; a server that runs has them already.
    /// - Throws: An error that names the option, for all that can be told beforehand.
    func plan(
        _ settings: Settings,
        _ logger: Logger,
        _ handedOver: HandedOverSocket? = nil,
        readsKeys: Bool = true
    ) async throws -> ServePlan {
        let logLevel = try settings.logLevel(option: limits.logLevel)
        let logFormat = try settings.logFormat(option: limits.logFormat)
        var gateway = try limits.gatewayConfiguration(settings)
        try listening.apply(to: &gateway, settings)
        if let handedOver { (gateway.host, gateway.port) = (handedOver.host, handedOver.port) }
        try access.apply(to: &gateway, settings)
        try gateway.validate()
        let path = try storage.path(settings)
        try SQLiteMessageStore.checkPath(path)
        return ServePlan(
            logLevel: logLevel,
            logFormat: logFormat,
            gateway: gateway,
            keys: readsKeys && gateway.access.hasKeys ? try await AccessKeys(gateway.access, logger: logger) : nil,
            log: try limits.logConfiguration(settings),
            path: path,
            store: try storage.storeConfiguration(settings, logger),
            retention: try storage.retention(settings),
            chat: try chat.configuration(settings, gateway)
        )
    }
}

/// What a server is to be: all that was asked for, checked.
struct ServePlan {
    let logLevel: Logger.Level
    let logFormat: LogFormat
    var gateway: GatewayConfiguration
    /// Nil where there are none, and everybody may do everything; and where they were not to be read.
    let keys: AccessKeys?
    let log: MessageLog.Configuration
    let path: String
    let store: SQLiteMessageStore.Configuration
    let retention: RetentionPolicy
    /// Nil for none.
    let chat: ChatConfiguration?
}
