import Foundation
import Gateway
import Logging

/// The system's limit of open files, which every connection counts toward.
enum OpenFiles {
    /// What the server opens beside connections: database, event loops, standard streams.
    private static let ownFiles = 100

    /// Raises the limit as far as it goes, and bounds the connections by it: one that the system cannot open would hang,
    /// while one over our own limit is told when to come back.
    static func bound(_ configuration: inout GatewayConfiguration, _ logger: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let possible = Int(clamping: limit.rlim_cur) - ownFiles
        guard possible < configuration.maximumConnections else { return }
        logger.info(
            "The limit of open files (ulimit -Hn) allows fewer connections than --max-connections",
            metadata: ["connections": "\(possible)", "max-connections": "\(configuration.maximumConnections)"]
        )
        configuration.maximumConnections = max(1, possible)
    }
}
