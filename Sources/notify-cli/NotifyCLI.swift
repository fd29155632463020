import ArgumentParser

/// The command line. Each subcommand is a file in `Commands/`; what they share is in `Settings/`, `Input/` and `Output/`.
@main
struct NotifyCLI: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify-cli",
        abstract: "Publish messages to groups and follow them.",
        discussion: """
            Every option can also be given as an environment variable (--url is NOTIFY_URL, --max-message-size is \
            NOTIFY_MAX_MESSAGE_SIZE) and in a YAML or JSON file named by --config or NOTIFY_CONFIG (url: "…"). The option \
            wins over the variable, the variable over the file.

            Exit status: 0 done, 1 failed, 64 wrong usage.

            Shell completions: notify-cli --generate-completion-script bash (or zsh, fish).
            """,
        subcommands: [
            ServeCommand.self, SendCommand.self, ListenCommand.self, HistoryCommand.self, GroupsCommand.self,
            DeleteCommand.self, PurgeCommand.self, ConnectionsCommand.self, PresenceCommand.self, KeyCommand.self,
            DatabaseCommand.self, ConfigCommand.self,
        ]
    )
}
