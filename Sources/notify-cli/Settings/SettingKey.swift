/// Every option of every subcommand, by its long name without the dashes.
///
/// From this one name follow the environment variable and the key in the configuration file; and a key of that file that
/// is none of these is an error. Subcommands share names on purpose: `url` is the same server for all of them.
enum SettingKey: String, CaseIterable {
    // Clients
    case url
    case group, event, data, lines, persist
    case since, last, count
    case limit, prefix
    case json

    /// `--max-message-size`
    var option: String { "--\(rawValue)" }

    /// `NOTIFY_MAX_MESSAGE_SIZE`
    var variable: String { "NOTIFY_" + rawValue.uppercased().replacing("-", with: "_") }
}
