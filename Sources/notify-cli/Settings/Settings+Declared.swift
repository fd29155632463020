import ArgumentParser
import Broker
import Gateway

/// Settings that are declared where they are used.
extension Settings {
    /// Puts the value into a configuration, if somebody has set one.
    func apply<Configuration>(
        _ setting: Setting<Configuration>,
        option: String?,
        to configuration: inout Configuration
    ) throws {
        if Self.number(setting.defaultText, setting.unit) == nil {
            declare(SettingKey(setting), absent: setting.defaultText)
        } else {
            declare(SettingKey(setting), default: setting.defaultText)
        }
        let value = try value(SettingKey(setting), option: option, Self.advice(on: setting)) { text in
            Self.number(text, setting.unit).flatMap { setting.bounds.contains($0) ? $0 : nil }
        }
        if let value { setting.apply(value, to: &configuration) }
    }

    private static func number<Configuration>(_ text: String, _ unit: Setting<Configuration>.Unit) -> Int? {
        switch unit {
        case .count: Int(text)
        case .bytes, .bytesPerSecond: bytes(text)
        case .milliseconds: milliseconds(text)
        }
    }

    private static func advice<Configuration>(on setting: Setting<Configuration>) -> String {
        switch setting.unit {
        case .count: phrase(for: setting.bounds)
        case .bytes, .bytesPerSecond:
            "use a size in bytes such as 65536, 64KiB or 1MiB" + phrase(forBytes: setting.bounds)
        case .milliseconds:
            durationAdvice
                + (setting.bounds.lowerBound > 0 ? ", at least \(setting.text(of: setting.bounds.lowerBound))" : "")
        }
    }
}

extension SettingKey {
    init<Configuration>(_ setting: Setting<Configuration>) {
        self.init(setting.name)
    }

    /// Those that are declared where they are used.
    static let declared: [SettingKey] =
        GatewayConfiguration.Settings.all.map { SettingKey($0) }
        + MessageLog.Configuration.Settings.all.map { SettingKey($0) }
        + SQLiteMessageStore.Configuration.Settings.all.map { SettingKey($0) }
}

extension ArgumentHelp {
    static func setting<Configuration>(_ setting: Setting<Configuration>) -> ArgumentHelp {
        ArgumentHelp("\(setting.purpose) (default: \(setting.defaultText)). \(SettingKey(setting).variable).")
    }
}
