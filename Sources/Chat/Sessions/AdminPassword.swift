import Broker
import Foundation
import GRDB
import Synchronization

/// The administrator's password: from the configuration, or made at the first start and kept as a salted digest. A made one
/// has 100 random bits, which no slow digest could protect better.
final class AdminPassword: Sendable {
    private let salt: Data
    private let digest: Data
    /// The same after a restart, and another for another password, under which no session is found any more.
    let seal: String
    /// The password itself, where it was made just now.
    let generated: String?
    /// Whether trying could find it. One that was made is never locked: that would only keep its owner out.
    private let isGuessable: Bool
    private let failures = Mutex<[Timestamp]>([])

    /// After so many wrong passwords within a minute, further ones are not looked at.
    private static let allowedFailures = 10

    private init(salt: Data, digest: Data, seal: String, isGuessable: Bool, generated: String? = nil) {
        (self.salt, self.digest, self.seal) = (salt, digest, seal)
        (self.isGuessable, self.generated) = (isGuessable, generated)
    }

    /// One that the operator has set. Nothing of it is kept: it may be weak, and a digest could be tried out.
    private convenience init(set password: String) {
        let salt = SecretToken.randomBytes(16)
        let seal = SecretToken.digest(of: "admin", password).urlSafeText
        self.init(salt: salt, digest: Self.digest(password, salt), seal: seal, isGuessable: true)
    }

    /// One that was made, as it is kept.
    private convenience init(salt: Data, digest: Data, generated: String? = nil) {
        self.init(salt: salt, digest: digest, seal: digest.urlSafeText, isGuessable: false, generated: generated)
    }

    /// - Returns: Nil where no password is set and none is to be made.
    static func load(
        _ configuration: ChatConfiguration,
        _ store: SQLiteMessageStore
    ) async throws(BrokerError) -> AdminPassword? {
        if let password = configuration.adminPassword { return AdminPassword(set: password) }
        guard configuration.generatesAdminPassword else { return nil }
        let kept = try await store.readTables { db in
            try Data.fetchOne(db, sql: "SELECT value FROM chat_settings WHERE key = 'admin_password'")
        }
        if let kept, kept.count == 48 {
            return AdminPassword(salt: Data(kept.prefix(16)), digest: Data(kept.dropFirst(16)))
        }
        let (password, salt) = (makePassword(), SecretToken.randomBytes(16))
        let made = AdminPassword(salt: salt, digest: digest(password, salt), generated: password)
        let value = made.salt + made.digest
        try await store.writeTables { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO chat_settings (key, value) VALUES ('admin_password', ?)",
                arguments: [value]
            )
        }
        return made
    }

    /// Four times five characters, none of which looks like another.
    private static func makePassword() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        var source = SystemRandomNumberGenerator()
        let parts = (0..<4).map { _ in
            String((0..<5).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &source)] })
        }
        return parts.joined(separator: "-")
    }

    private static func digest(_ password: String, _ salt: Data) -> Data {
        SecretToken.digest(of: salt.base64EncodedString(), password)
    }

    enum Verdict: Equatable {
        case right, wrong
        case tooMany(retryAfterSeconds: Int64)
    }

    func check(_ password: String, now: Timestamp = .now()) -> Verdict {
        let isRight = SecretToken.areEqual(Self.digest(password, salt), digest)
        guard isGuessable else { return isRight ? .right : .wrong }
        return failures.withLock { failures in
            failures.removeAll { !(0..<60_000).contains(now.milliseconds - $0.milliseconds) }
            if failures.count >= Self.allowedFailures, let first = failures.first {
                return .tooMany(retryAfterSeconds: (first.milliseconds + 60_000 - now.milliseconds + 999) / 1000)
            }
            if isRight { return .right }
            failures.append(now)
            return .wrong
        }
    }
}
