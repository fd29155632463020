import Broker
import Gateway
import Logging
import Synchronization

/// What SIGHUP does: the files of keys and the certificate are read again, and so is the configuration file. Of what has
/// changed there, some counts at once; the rest is named, as it needs a restart.
final class ServeReload: Sendable {
    private let options: ServeOptions
    private let gateway: Gateway
    private let retention: RetentionService
    private let logger: Logger
    private let written: Mutex<[SettingKey: SettingValue]>

    /// Settings that count at once. Keys and certificates are files, which are read again in any case.
    private static let atOnce: Set<SettingKey> = [.retain, .logLevel, .allowOrigin]

    /// - Parameter settings: Those that the server was started with.
    init(
        _ options: ServeOptions,
        _ settings: Settings,
        _ gateway: Gateway,
        _ retention: RetentionService,
        _ logger: Logger
    ) {
        (self.options, self.gateway, self.retention, self.logger) = (options, gateway, retention, logger)
        written = Mutex(settings.written)
    }

    /// A fault of one part leaves the others as they come: each is logged.
    func run() async {
        await reloadFiles()
        do {
            let settings = try options.config.settings()
            try await apply(settings, try await options.plan(settings, logger, readsKeys: false))
        } catch {
            logger.error("SIGHUP: the settings cannot be used, and the old ones stay: \(error)")
        }
    }

    private func reloadFiles() async {
        do throws(GatewayError) {
            let report = try await gateway.reload()
            var metadata: Logger.Metadata = [:]
            if let report {
                metadata = ["keys": "\(report.keys)", "api-keys": "\(report.apiKeys)", "gone": "\(report.gone)"]
            }
            logger.notice("SIGHUP: keys and certificates were read again", metadata: metadata)
        } catch {
            logger.error("SIGHUP: keys or certificates cannot be used, and the old ones stay: \(error)")
        }
    }

    private func apply(_ settings: Settings, _ plan: ServePlan) async throws {
        let now = settings.written
        let changed = written.withLock { before in
            defer { for key in Self.atOnce { before[key] = now[key] } }
            return Set(now.keys).union(before.keys).filter { now[$0] != before[$0] }
        }
        SharedLogLevel.set(plan.logLevel)
        retention.change(to: plan.retention)
        try await gateway.allow(origins: plan.gateway.allowedOrigins)
        let (done, left) = (changed.intersection(Self.atOnce), changed.subtracting(Self.atOnce))
        if !done.isEmpty {
            logger.notice("SIGHUP: these count from now on", metadata: ["settings": "\(Self.names(done))"])
        }
        if !left.isEmpty {
            logger.warning("SIGHUP: these need a restart", metadata: ["settings": "\(Self.names(left))"])
        }
    }

    private static func names(_ keys: Set<SettingKey>) -> String {
        keys.map(\.option).sorted().joined(separator: " ")
    }
}

extension Settings {
    /// What somebody has set, of all that was asked for.
    var written: [SettingKey: SettingValue] {
        Dictionary(asked.all.compactMap { key, entry in entry.value.map { (key, $0) } }) { first, _ in first }
    }
}
