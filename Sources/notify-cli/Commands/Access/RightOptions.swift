import ArgumentParser
import Broker

/// The rights of a key or a token.
struct RightOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Groups that it may publish to; may be repeated.", valueName: "pattern"))
    var publish: [String] = []

    @Option(help: ArgumentHelp("Groups that it may follow and read; may be repeated.", valueName: "pattern"))
    var subscribe: [String] = []

    @Option(help: ArgumentHelp("Groups whose messages it may delete; may be repeated.", valueName: "pattern"))
    var delete: [String] = []

    @Flag(help: "It may see the metrics.")
    var admin = false

    @Flag(help: "It may use the channel layer of a later version.")
    var layer = false

    var isAny: Bool { !publish.isEmpty || !subscribe.isEmpty || !delete.isEmpty || admin || layer }

    /// - Throws: ``UsageError``: what is no pattern would grant nothing, without a word.
    func validate() throws {
        for (option, patterns) in [("--publish", publish), ("--subscribe", subscribe), ("--delete", delete)] {
            for pattern in patterns {
                do {
                    _ = try ChannelPattern(group: pattern)
                } catch {
                    throw UsageError("\(option): \(error.message)")
                }
            }
        }
    }
}
