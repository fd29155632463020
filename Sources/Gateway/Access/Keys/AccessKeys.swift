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
        /// Of the files that were read last, good or bad.
        var read: [FileStamp?] = []
        /// At the last look.
        var seen: [FileStamp?] = []
        /// Asks the address, and reads all keys if they are new. Those who come meanwhile wait for its end.
        var asking: Task<Void, Never>?
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
        let (next, _, files) = try await read()
        state.withLock { ($0.snapshot, $0.read, $0.seen) = (next, files, files) }
    }

    /// The keys that count now.
    var current: KeySnapshot { state.withLock { $0.snapshot } }

    private var paths: [String] { configuration.keyFiles + [configuration.apiKeyFile].compactMap(\.self) }

    /// What was read, and of which files.
    private typealias Reading = (next: KeySnapshot, gone: [AccessKey], files: [FileStamp?])

    private func read() async throws(GatewayError) -> Reading {
        // Before they are read: what changes meanwhile is seen the next time.
        let files = paths.map { FileStamp($0) }
        var keys: [VerificationKey] = []
        for path in configuration.keyFiles {
            let bytes = try Self.bytes(of: path, "--jwt-key", KeyDocument.maximumBytes)
            do throws(KeyDocument.Fault) {
                keys += try await KeyDocument.keys(in: bytes)
            } catch {
                throw GatewayError(.invalidConfiguration, "--jwt-key \(path.quotedForPeople): \(error.why)")
            }
        }
        keys += keySet?.keys ?? []
        var apiKeys = APIKeyFile()
        if let path = configuration.apiKeyFile {
            apiKeys = try APIKeyFile(Data(Self.bytes(of: path, "--api-keys", APIKeyFile.maximumBytes)))
        }
        let (next, gone) = current.next(keys: keys, apiKeys: apiKeys)
        return (next, gone, files)
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
        return try await readAgain()
    }

    private func readAgain() async throws(GatewayError) -> Report {
        await turn.take()
        defer { turn.pass() }
        let (next, gone, files) = try await read()
        state.withLock { ($0.snapshot, $0.read) = (next, files) }
        // No stream begins with any of them from here on; those there are end together.
        for key in gone { key.end.refuse() }
        await withTaskGroup(of: Void.self) { tasks in
            for key in gone { tasks.addTask { await key.end.end() } }
        }
        let counts = next.counts
        return Report(keys: counts.keys, apiKeys: counts.apiKeys, gone: gone.count)
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
        if isDue { await readAgainAndTell(files) }
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
                if await keySet?.refresh() ?? false { await readAgainAndTell(paths.map { FileStamp($0) }) }
                self.state.withLock { $0.asking = nil }
            }
            let asking = Task(operation: work)
            state.asking = asking
            return asking
        }
    }

    /// - Parameter files: As they were before.
    private func readAgainAndTell(_ files: [FileStamp?]) async {
        do {
            let report = try await readAgain()
            logger.notice(
                "Keys were read again",
                metadata: ["keys": "\(report.keys)", "api-keys": "\(report.apiKeys)", "gone": "\(report.gone)"]
            )
        } catch {
            // Once for each change: what was there then is not looked at again.
            state.withLock { $0.read = files }
            logger.error("Keys were changed, and cannot be used: the old ones stay", metadata: ["error": "\(error)"])
        }
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
