import Broker
import Foundation
public import Logging
import Synchronization

/// The keys of a server, as their files and addresses say now.
///
/// Safe to use from any thread.
public final class AccessKeys: Sendable {
    /// What a reload found.
    public struct Report: Sendable {
        /// Keys that vouch for tokens.
        public var keys = 0
        /// API keys.
        public var apiKeys = 0
        /// Keys that are there no longer: what was opened with them has ended.
        public var gone = 0
    }

    let configuration: AccessConfiguration
    private let logger: Logger
    private let state: Mutex<State>
    /// One at a time reads the sources.
    private let turn = AsyncTurn()
    let keySet: KeySetSource?

    private struct State {
        var snapshot = KeySnapshot()
        var sources = Sources()
        /// Of the files that were read last, good or bad.
        var read: [FileStamp?] = []
        /// At the last look.
        var seen: [FileStamp?] = []
        /// Asks the address, and reads all keys if they are new. Those who come meanwhile wait for its end.
        var asking: Task<Void, Never>?
    }

    /// What each file had when it could last be used.
    private struct Sources {
        var keys: [String: [VerificationKey]] = [:]
        var apiKeys = APIKeyFile()
    }

    /// Reads all keys.
    ///
    /// - Throws: ``GatewayError`` with the code `invalidConfiguration`: a file that cannot be read, or that holds no keys.
    ///   An address that does not answer is no such error: it is asked again.
    public init(
        _ configuration: AccessConfiguration,
        logger: Logger = Logger(label: "notify")
    ) async throws(GatewayError) {
        try configuration.validate()
        (self.configuration, self.logger) = (configuration, logger)
        keySet = configuration.keySetURL.map { KeySetSource(url: $0, logger: logger) }
        state = Mutex(State())
        _ = await keySet?.refresh()
        let reading = try await read()
        state.withLock { state in
            (state.snapshot, state.sources) = (reading.next, reading.sources)
            (state.read, state.seen) = (reading.files, reading.files)
        }
    }

    /// The keys that count now.
    var current: KeySnapshot { state.withLock { $0.snapshot } }

    private var paths: [String] { configuration.keyFiles + [configuration.apiKeyFile].compactMap(\.self) }

    /// What was read, of which files, and what could not be used of them.
    private struct Reading {
        var next = KeySnapshot()
        var gone: [AccessKey] = []
        var files: [FileStamp?] = []
        var sources = Sources()
        var faults: [GatewayError] = []
    }

    /// - Parameter old: Stands in for what cannot be used now, so that a damaged file does not keep the others from counting.
    ///   Nil: that is an error.
    private func read(keeping old: Sources? = nil) async throws(GatewayError) -> Reading {
        // Before they are read: what changes meanwhile is seen the next time.
        var reading = Reading(files: paths.map { FileStamp($0) })
        for path in configuration.keyFiles {
            do throws(GatewayError) {
                reading.sources.keys[path] = try await Self.keys(of: path)
            } catch {
                guard let old else { throw error }
                reading.sources.keys[path] = old.keys[path]
                reading.faults.append(error)
            }
        }
        if let path = configuration.apiKeyFile {
            do throws(GatewayError) {
                let bytes = try Self.bytes(of: path, "--api-keys", APIKeyFile.maximumBytes)
                reading.sources.apiKeys = try APIKeyFile(Data(bytes))
            } catch {
                guard let old else { throw error }
                reading.sources.apiKeys = old.apiKeys
                reading.faults.append(error)
            }
        }
        let keys = configuration.keyFiles.flatMap { reading.sources.keys[$0] ?? [] } + (keySet?.keys ?? [])
        (reading.next, reading.gone) = current.next(keys: keys, apiKeys: reading.sources.apiKeys)
        return reading
    }

    private static func keys(of path: String) async throws(GatewayError) -> [VerificationKey] {
        let bytes = try bytes(of: path, "--jwt-key", KeyDocument.maximumBytes)
        do throws(KeyDocument.Fault) {
            return try await KeyDocument.keys(in: bytes)
        } catch {
            throw GatewayError(.invalidConfiguration, "--jwt-key \(path.quotedForPeople): \(error.why)")
        }
    }

    private static func bytes(of path: String, _ option: String, _ limit: Int) throws(GatewayError) -> [UInt8] {
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            let data = try handle.read(upToCount: limit + 1) ?? Data()
            guard data.count <= limit else {
                throw GatewayError(.invalidConfiguration, "\(option) \(path.quotedForPeople) is too large for keys.")
            }
            return Array(data)
        } catch let error as GatewayError {
            throw error
        } catch {
            throw GatewayError(
                .invalidConfiguration,
                "\(option) \(path.quotedForPeople) cannot be read: check that it is there and may be read by this user."
                    + (option == "--api-keys" ? " 'notify-cli key create' makes it." : "")
            )
        }
    }

    // MARK: Reading anew

    /// Reads the files again, and the address. Streams of keys that are gone end before this returns.
    ///
    /// - Throws: ``GatewayError``: as ``init(_:logger:)``; the keys stay what they were.
    public func reload() async throws(GatewayError) -> Report {
        _ = await keySet?.refresh()
        await turn.take()
        defer { turn.pass() }
        return await take(try await read())
    }

    /// What was read counts from here on.
    private func take(_ reading: Reading) async -> Report {
        state.withLock { ($0.snapshot, $0.sources, $0.read) = (reading.next, reading.sources, reading.files) }
        // No stream begins with any of them from here on; those there are end together.
        for key in reading.gone { key.end.refuse() }
        await withTaskGroup(of: Void.self) { tasks in
            for key in reading.gone { tasks.addTask { await key.end.end() } }
        }
        let counts = reading.next.counts
        return Report(keys: counts.keys, apiKeys: counts.apiKeys, gone: reading.gone.count)
    }

    /// Looks whether the files have changed, and reads them if so; has the address asked where its answer is stale, and does
    /// not wait for that. Called about once a second.
    ///
    /// A file is read when it has stayed the same for one more look: it may be being written.
    func refresh() async {
        let files = paths.map { FileStamp($0) }
        let isDue = state.withLock { state in
            defer { state.seen = files }
            return files != state.read && files == state.seen
        }
        if isDue { await readAgainAndTell() }
        if keySet?.isDue ?? false { _ = ask() }
    }

    /// Refreshes until the task is cancelled.
    func keepFresh() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await refresh() }
    }

    /// A token names a key that is not known: a set of keys at an address may have it by now.
    ///
    /// - Parameter old: The keys that did not have it.
    /// - Returns: Whether there are others now.
    func refresh(unknownTo old: KeySnapshot) async -> Bool {
        if let asking = state.withLock({ $0.asking }) {
            await asking.value
        } else if current === old, let keySet, keySet.mayAskForUnknownKey() {
            await ask().value
        }
        return current !== old
    }

    /// Asks the address; one question at a time.
    private func ask() -> Task<Void, Never> {
        state.withLock { state in
            if let asking = state.asking { return asking }
            let work: @Sendable () async -> Void = { [self] in
                if await keySet?.refresh() ?? false { await readAgainAndTell() }
                self.state.withLock { $0.asking = nil }
            }
            let asking = Task(operation: work)
            state.asking = asking
            return asking
        }
    }

    private func readAgainAndTell() async {
        await turn.take()
        defer { turn.pass() }
        guard let reading = try? await read(keeping: state.withLock { $0.sources }) else { return }
        for fault in reading.faults {
            logger.error(
                "Keys were changed, and cannot be used: those of this file stay as they were",
                metadata: ["error": "\(fault)"]
            )
        }
        let before = state.withLock { $0.snapshot.counts }
        let report = await take(reading)
        // Nothing but faults is no news of keys.
        guard reading.faults.isEmpty || report.gone > 0 || before != (report.keys, report.apiKeys) else { return }
        logger.notice(
            "Keys were read again",
            metadata: ["keys": "\(report.keys)", "api-keys": "\(report.apiKeys)", "gone": "\(report.gone)"]
        )
    }
}

/// Lets one task at a time do something, in the order in which they come.
private final class AsyncTurn: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func take() async {
        await withCheckedContinuation { continuation in
            let isMine = state.withLock { state in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isMine { continuation.resume() }
        }
    }

    func pass() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
