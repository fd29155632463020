import ArgumentParser
import Broker

/// `notify-cli database stats`: says what is in a database.
struct DatabaseStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Print what is in a database.",
        discussion: """
            Examples:
              notify-cli database stats
              notify-cli database stats --database /var/lib/notify/notify.sqlite --json
            """
    )

    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        try await reportingErrors {
            let settings = try options.configuration.settings()
            let tools = try options.tools(settings)
            let report = Report(try tools.statistics(), of: tools.path)
            try options.print(settings, json: report, text: report.text)
        }
    }

    private struct Report: Encodable {
        let database: String
        let epoch: String
        let schemaVersion: Int
        let groups: Int
        let messages: Int
        let dataBytes: Int
        let oldest: Mark?
        let newest: Mark?
        let idempotencyKeys: Int
        let databaseBytes: Int
        let freeBytes: Int
        let writeAheadLogBytes: Int

        struct Mark: Encodable {
            let id: String
            let createdAt: String

            enum CodingKeys: String, CodingKey {
                case id
                case createdAt = "created_at"
            }

            init(_ entry: DatabaseStatistics.Entry) {
                (id, createdAt) = ("\(entry.id)", "\(entry.createdAt)")
            }
        }

        enum CodingKeys: String, CodingKey {
            case database, epoch, groups, messages, oldest, newest
            case schemaVersion = "schema_version"
            case dataBytes = "data_bytes"
            case idempotencyKeys = "idempotency_keys"
            case databaseBytes = "database_bytes"
            case freeBytes = "free_bytes"
            case writeAheadLogBytes = "write_ahead_log_bytes"
        }

        init(_ statistics: DatabaseStatistics, of path: String) {
            database = path
            epoch = "\(statistics.epoch)"
            schemaVersion = statistics.schemaVersion
            groups = statistics.groups
            messages = statistics.messages
            dataBytes = statistics.dataBytes
            oldest = statistics.oldest.map { Mark($0) }
            newest = statistics.newest.map { Mark($0) }
            idempotencyKeys = statistics.idempotencyKeys
            databaseBytes = statistics.sizes.database
            freeBytes = statistics.freeBytes
            writeAheadLogBytes = statistics.sizes.writeAheadLog
        }

        var text: String {
            """
            Database          \(database), \(databaseBytes.sizeText)
            Write-ahead log   \(writeAheadLogBytes.sizeText)
            Unused space      \(freeBytes.sizeText), for messages to come
            Epoch             \(epoch), tables of version \(schemaVersion)
            Messages          \(messages) with \(dataBytes.sizeText) of data in \(groups.text("group", "groups"))
            Oldest            \(Self.text(oldest))
            Newest            \(Self.text(newest))
            Idempotency keys  \(idempotencyKeys)
            """
        }

        private static func text(_ mark: Mark?) -> String {
            mark.map { "\($0.id), \($0.createdAt)" } ?? "-"
        }
    }
}
