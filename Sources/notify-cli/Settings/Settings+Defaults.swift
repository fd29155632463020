/// Values with a default, which `config show` prints where nobody has set one.
extension Settings {
    /// Says what counts where nobody sets the value, as an option would say it.
    func declare(_ key: SettingKey, default text: String) {
        asked.note(key, .value(text))
    }

    /// Says what happens where nobody sets the value, and there is none by default.
    func declare(_ key: SettingKey, absent words: String) {
        asked.note(key, .words(words))
    }

    /// Text as it stands.
    func string(_ key: SettingKey, option: String?, default text: String) throws -> String {
        declare(key, default: text)
        return try string(key, option: option) ?? text
    }

    /// A whole number within bounds.
    func int(_ key: SettingKey, option: Int?, default number: Int, in bounds: ClosedRange<Int>) throws -> Int {
        declare(key, default: "\(number)")
        return try int(key, option: option, in: bounds) ?? number
    }

    /// Yes or no.
    func bool(_ key: SettingKey, option: Bool?, default value: Bool) throws -> Bool {
        declare(key, default: "\(value)")
        return try bool(key, option: option) ?? value
    }

    /// A duration.
    func duration(_ key: SettingKey, option: String?, default duration: Duration) throws -> Duration {
        declare(key, default: duration.shortText)
        return try self.duration(key, option: option) ?? duration
    }

    /// Several texts, by default none.
    func strings(_ key: SettingKey, options: [String], absent words: String) throws -> [String] {
        declare(key, absent: words)
        return try strings(key, options: options)
    }
}
