import ArgumentParser

/// `notify-cli config`: what a server would be told, without starting one.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check or show the settings of a server without starting it.",
        subcommands: [ConfigCheckCommand.self, ConfigShowCommand.self]
    )
}
