import Synchronization

/// The settings that a subcommand asked for, each with what somebody set, and with its default.
///
/// What `config show` prints comes from here, so that a new option cannot be left out of it. Safe to use from any thread.
final class AskedSettings: Sendable {
    struct Entry: Equatable, Sendable {
        /// What somebody set; nil where the default counts.
        var value: SettingValue?
        var origin: SettingOrigin?
        /// Nil where the setting has none.
        var standard: Default?
    }

    /// What counts where nobody has set anything.
    enum Default: Equatable, Sendable {
        /// As an option would say it.
        case value(String)
        /// No value, but what it means, such as "one for each core".
        case words(String)
    }

    private let entries = Mutex<[SettingKey: Entry]>([:])

    /// By the names of the settings.
    var all: [(key: SettingKey, entry: Entry)] {
        entries.withLock { entries in entries.map { ($0.key, $0.value) } }.sorted { $0.key.name < $1.key.name }
    }

    func note(_ key: SettingKey, _ set: (value: SettingValue, origin: SettingOrigin)?) {
        entries.withLock { entries in
            entries[key, default: Entry()].value = set?.value
            entries[key, default: Entry()].origin = set?.origin
        }
    }

    func note(_ key: SettingKey, _ standard: Default) {
        entries.withLock { $0[key, default: Entry()].standard = standard }
    }
}
