import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Synchronization

/// A set of keys at an address (`jwks_uri`). It is asked again when its answer is stale, and when a token names a key that
/// it did not have; where it does not answer, its last keys stay.
final class KeySetSource: Sendable {
    private struct State {
        var keys: [VerificationKey] = []
        var staleAt = ContinuousClock.now
        /// Before this, an unknown key does not make it be asked.
        var quietUntil = ContinuousClock.now
        var isFailing = false
    }

    private let url: String
    private let logger: Logger
    private let state = Mutex(State())

    /// An answer that says nothing of its age is kept so long.
    private static let usualAge = Duration.seconds(300)
    private static let ages = Duration.seconds(30)...Duration.seconds(86_400)
    /// The shortest time between two questions, whoever asks for them.
    static let pause = Duration.seconds(30)
    private static let timeout = Duration.seconds(5)

    init(url: String, logger: Logger) {
        (self.url, self.logger) = (url, logger)
    }

    var keys: [VerificationKey] { state.withLock { $0.keys } }

    /// Whether its answer is stale.
    var isDue: Bool { state.withLock { $0.staleAt <= .now } }

    /// Whether it may be asked for a key that it did not have: at most every 30 s, since whoever makes up names of keys must not
    /// make it a flood.
    func mayAskForUnknownKey() -> Bool {
        state.withLock { state in
            guard state.quietUntil <= .now else { return false }
            state.quietUntil = .now + Self.pause
            return true
        }
    }

    /// Asks now.
    ///
    /// - Returns: Whether it has other keys than before.
    func refresh() async -> Bool {
        do {
            let (keys, age) = try await askInTime()
            let (wasFailing, isNew) = state.withLock { state in
                defer { (state.keys, state.isFailing) = (keys, false) }
                state.staleAt = .now + age
                return (state.isFailing, state.keys.map(\.identity) != keys.map(\.identity))
            }
            if wasFailing { logger.notice("The keys of --jwks-url can be had again") }
            if isNew, keys.isEmpty {
                logger.warning("--jwks-url gives no keys that can be used: their tokens have ended")
            }
            return isNew
        } catch {
            let isNew = state.withLock { state in
                defer { state.isFailing = true }
                state.staleAt = .now + Self.pause
                return !state.isFailing
            }
            if isNew {
                logger.error(
                    "The keys of --jwks-url cannot be had: the last ones stay, and it is asked again every 30 s",
                    metadata: ["host": "\(URL(string: url)?.host() ?? "")", "error": "\(error)"]
                )
            }
            return false
        }
    }

    /// An answer that comes in drops would hold up everybody who waits for it.
    private func askInTime() async throws -> ([VerificationKey], Duration) {
        try await withThrowingTaskGroup(of: ([VerificationKey], Duration).self) { tasks in
            tasks.addTask { try await self.ask() }
            tasks.addTask {
                try await Task.sleep(for: Self.timeout)
                throw KeyDocument.Fault(why: "it does not answer in time.")
            }
            defer { tasks.cancelAll() }
            guard let first = try await tasks.next() else { throw CancellationError() }
            return first
        }
    }

    private func ask() async throws -> ([VerificationKey], Duration) {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "application/json, application/jwk-set+json")
        let answer = try await HTTPClient.shared.execute(request, deadline: .distantFuture)
        // Another address may be one that anybody can change: http, or another host.
        guard answer.history.count <= 1 else {
            throw KeyDocument.Fault(why: "it leads to another address: name that one.")
        }
        guard answer.status == .ok else { throw KeyDocument.Fault(why: "it answers \(answer.status.code).") }
        let body = try await answer.body.collect(upTo: KeyDocument.maximumBytes)
        let keys = try await KeyDocument.keys(in: Array(body.readableBytesView), isSet: true)
        return (keys, Self.age(answer.headers[canonicalForm: "cache-control"].map(String.init)))
    }

    /// How long an answer may be kept (RFC 9111 §5.2.2.1), within bounds.
    static func age(_ cacheControl: [String]) -> Duration {
        for directive in cacheControl {
            let directive = directive.lowercased()
            if directive == "no-store" || directive == "no-cache" { return ages.lowerBound }
            guard directive.hasPrefix("max-age="), let seconds = Int(directive.dropFirst("max-age=".count)) else {
                continue
            }
            return max(ages.lowerBound, min(.seconds(min(seconds, 1 << 30)), ages.upperBound))
        }
        return usualAge
    }
}
