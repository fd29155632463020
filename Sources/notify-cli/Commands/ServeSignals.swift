import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The signals that a running server knows, from before it makes anything.
///
/// SIGTERM and SIGINT stop it, also in the middle of its start: that is finished first, so that whatever was made is told
/// and closed. A second one ends the process at once: what was answered is stored, and the next start looks at the rest.
/// The service manager is told of each step. SIGHUP has settings, keys and certificates read again. SIGUSR1 is ignored; by
/// default it would end the process at once.
final class ServeSignals: Sendable {
    private enum State {
        case starting
        case running(ServiceGroup)
        case stopping
    }

    private let notifier: ServiceNotifier?
    private let state = Mutex(State.starting)
    private let reload = Mutex<ServeReload?>(nil)
    private let reloading = Mutex(Reloading())

    private struct Reloading {
        var isUnderWay = false
        /// Whether another signal came meanwhile. Many of them are one.
        var isWanted = false
    }

    private let listening = Mutex<Task<Void, Never>?>(nil)

    private init(notifier: ServiceNotifier?) {
        self.notifier = notifier
    }

    /// Takes the signals from now on.
    static func trap(_ logger: Logger) async -> ServeSignals {
        signal(SIGUSR1, SIG_IGN)
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let this = ServeSignals(notifier: ServiceNotifier(logger: logger))
        let work: @Sendable () async -> Void = {
            for await signal in signals {
                if signal == .sighup {
                    this.reloadSoon()
                } else {
                    await this.stop(by: signal == .sigint ? SIGINT : SIGTERM, logger)
                }
            }
        }
        this.listening.withLock { $0 = Task(operation: work) }
        return this
    }

    /// Says what SIGHUP does from now on. One that came before found nothing that was old.
    func reload(with reload: ServeReload) {
        self.reload.withLock { $0 = reload }
    }

    /// In a task of its own, after one that is under way: a stop does not wait for it.
    private func reloadSoon() {
        let isUnderWay = reloading.withLock { reloading in
            defer { reloading = Reloading(isUnderWay: true, isWanted: true) }
            return reloading.isUnderWay
        }
        guard !isUnderWay else { return }
        let work: @Sendable () async -> Void = { [self] in
            while takeWanted() { await reloadNow() }
        }
        Task(operation: work)
    }

    private func takeWanted() -> Bool {
        reloading.withLock { reloading in
            reloading.isUnderWay = reloading.isWanted
            reloading.isWanted = false
            return reloading.isUnderWay
        }
    }

    private func reloadNow() async {
        guard isRunning else { return }
        notifier?.tell(.reloading)
        await reload.withLock { $0 }?.run()
        if isRunning { notifier?.tell(.ready(status: "Serves")) }
    }

    private var isRunning: Bool {
        state.withLock { if case .running = $0 { true } else { false } }
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

    /// The server accepts connections: the service manager is told, unless it has said meanwhile that the server is to stop.
    func serverIsReady(_ status: String) {
        state.withLock { state in
            if case .stopping = state { return }
            notifier?.tell(.ready(status: status))
        }
    }

    private func stop(by signal: CInt, _ logger: Logger) async {
        let (group, isSecond) = state.withLock { state -> (ServiceGroup?, Bool) in
            defer { state = .stopping }
            return switch state {
            case .starting: (nil, false)
            case .running(let group): (group, false)
            case .stopping: (nil, true)
            }
        }
        if isSecond {
            logger.notice("A second signal came: the server ends at once")
            Self.end(by: signal)
        }
        notifier?.tell(.stopping)
        await group?.triggerGracefulShutdown()
    }

    /// Ends the process as the signal would have done it, so that its parent sees that.
    private static func end(by number: CInt) -> Never {
        signal(number, SIG_DFL)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        // Threads of the library have all signals blocked.
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        _exit(128 + number)
    }
}
