import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Signals that would end the process at once, with all its streams, if nobody caught them.
struct OtherSignals: Service {
    let logger: Logger

    /// SIGHUP comes when a terminal is closed and from `systemctl reload`, SIGUSR1 from tools that rotate logs.
    static func ignore() {
        signal(SIGHUP, SIG_IGN)
        signal(SIGUSR1, SIG_IGN)
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        await cancelWhenGracefulShutdown {
            for await _ in signals {
                logger.notice("SIGHUP reloads nothing yet: restart the server to change its settings")
            }
        }
    }
}
