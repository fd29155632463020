import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The signals that a running server knows, from before it makes anything.
///
/// SIGTERM and SIGINT stop it, also in the middle of its start: that is finished first, so that whatever was made is told
/// and closed. SIGHUP is taken and logged, as there is nothing yet that could be read anew. SIGUSR1 is ignored; by default
/// it would end the process at once.
final class ServeSignals: Sendable {
    private enum State {
        case starting
        case running(ServiceGroup)
        case stopping
    }

    private let state = Mutex(State.starting)
    private let listening = Mutex<Task<Void, Never>?>(nil)

    /// Takes the signals from now on.
    static func trap(_ logger: Logger) async -> ServeSignals {
        signal(SIGUSR1, SIG_IGN)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let this = ServeSignals()
        let work: @Sendable () async -> Void = {
            for await signal in signals {
                if signal == .sighup {
                    logger.info("SIGHUP changes nothing: no setting is read again while the server runs. Restart it.")
                } else {
                    await this.stop()
                }
            }
        }
        this.listening.withLock { $0 = Task(operation: work) }
        return this
    }

    /// Whether the server was told to stop.
    var isStopping: Bool {
        state.withLock { if case .stopping = $0 { true } else { false } }
    }

    /// Runs the group until a signal stops it; where one has come already, the group starts and stops.
    func run(_ group: ServiceGroup) async throws {
        let isStopping = state.withLock { state in
            if case .stopping = state { return true }
            state = .running(group)
            return false
        }
        // The group remembers it.
        if isStopping { await group.triggerGracefulShutdown() }
        try await group.run()
    }

    private func stop() async {
        let group = state.withLock { state -> ServiceGroup? in
            defer { state = .stopping }
            return if case .running(let group) = state { group } else { nil }
        }
        await group?.triggerGracefulShutdown()
    }
}
