import Broker
import Foundation
import GRDB
import Gateway
import HTTPTypes
import Hummingbird

/// Somebody who is signed in.
struct Session: Sendable {
    enum Kind: String, Sendable {
        case chat, admin
    }

    let digest: SecretToken.Digest
    let name: String
    let expiresAt: Timestamp
}

/// The sessions, kept in the database, so that a restart signs nobody out.
struct Sessions: Sendable {
    let store: SQLiteMessageStore
    let configuration: ChatConfiguration
    let origins: Set<String>
    let cookies: CookieNames
    /// What every session depends on beside its token: under another seal there is none.
    /// Nil: nobody can have one.
    private let seal: String?

    init(store: SQLiteMessageStore, configuration: ChatConfiguration, cookies: CookieNames, seal: String? = "") {
        (self.store, self.configuration, self.cookies, self.seal) = (store, configuration, cookies, seal)
        // "*" allows every page to read, and makes none of them ours: it is no origin.
        origins = Set(configuration.origins.compactMap { GatewayConfiguration.origin($0) })
    }

    func find(_ token: SecretToken, _ kind: Session.Kind) async throws(BrokerError) -> Session? {
        guard let seal else { return nil }
        let digest = token.digest(seal: seal)
        return try await store.readTables { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT name, expires_at FROM chat_sessions WHERE token = ? AND kind = ? AND expires_at > ?"
                ),
                arguments: [digest, kind.rawValue, Timestamp.now().milliseconds]
            ).map { Session(digest: digest, name: $0[0], expiresAt: Timestamp(milliseconds: $0[1])) }
        }
    }

    /// Signs somebody in under a new token, never under one that the browser brought, and takes an earlier session away.
    func begin(_ kind: Session.Kind, name: String, replacing old: Session?) async throws(BrokerError) -> SecretToken {
        let token = SecretToken()
        let now = Timestamp.now().milliseconds
        let expiresAt = now + lifetime(kind).components.seconds * 1000
        let (digest, oldDigest) = (token.digest(seal: seal ?? ""), old?.digest)
        try await store.writeTables { db in
            if let oldDigest {
                try db.execute(sql: "DELETE FROM chat_sessions WHERE token = ?", arguments: [oldDigest])
            }
            try db.execute(sql: "DELETE FROM chat_sessions WHERE expires_at <= ?", arguments: [now])
            try db.execute(
                sql: "INSERT INTO chat_sessions (token, kind, name, expires_at) VALUES (?, ?, ?, ?)",
                arguments: [digest, kind.rawValue, name, expiresAt]
            )
        }
        return token
    }

    func end(_ session: Session) async throws(BrokerError) {
        try await store.writeTables { db in
            try db.execute(sql: "DELETE FROM chat_sessions WHERE token = ?", arguments: [session.digest])
        }
    }

    func lifetime(_ kind: Session.Kind) -> Duration {
        kind == .chat ? configuration.sessionLifetime : configuration.adminSessionLifetime
    }
}

extension Session.Kind {
    /// The token in a request's cookies (RFC 6265 §5.4), if there is one.
    func token(in headers: HTTPFields, _ cookies: CookieNames) -> SecretToken? {
        let name = cookies[self]
        for field in headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let halves = pair.split(separator: "=", maxSplits: 1)
                guard halves.count == 2, halves[0].drop(while: { $0 == " " }) == name else { continue }
                return SecretToken(String(halves[1]))
            }
        }
        return nil
    }
}
