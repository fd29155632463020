import ArgumentParser

/// `--config`, for every subcommand.
struct ConfigOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file with options. NOTIFY_CONFIG.",
            discussion: "Keys are the long names of options: {\"url\": \"http://127.0.0.1:8080\", \"limit\": 10}.",
            valueName: "file"
        ),
        completion: .file(extensions: ["json"])
    )
    var config: String?

    func settings() throws -> Settings {
        try Settings(configFile: config)
    }
}
