import Broker
import Foundation
import GRDB

/// The names of the cookies. Browsers keep cookies by host and not by port, so two servers of one host must not share
/// names: each would sign the other's users out. The names belong to the database, and so outlive a restart.
struct CookieNames: Sendable {
    private let suffix: String

    init(suffix: String) {
        self.suffix = suffix
    }

    /// The admin's has another name than in the first releases, which bound theirs to `/admin/`: of two cookies with one name
    /// browsers send the one with the longer path first.
    subscript(kind: Session.Kind) -> String {
        "notify_\(kind == .chat ? "session" : "administrator")_\(suffix)"
    }

    /// Those of this database, made where there are none.
    static func load(_ store: SQLiteMessageStore) async throws(BrokerError) -> CookieNames {
        let made = Epoch.random().description
        let kept = try await store.writeTables { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO chat_settings (key, value) VALUES ('cookie_suffix', ?)",
                arguments: [Data(made.utf8)]
            )
            return try Data.fetchOne(db, sql: "SELECT value FROM chat_settings WHERE key = 'cookie_suffix'")
        }
        return CookieNames(suffix: kept.map { String(decoding: $0, as: UTF8.self) } ?? made)
    }
}
