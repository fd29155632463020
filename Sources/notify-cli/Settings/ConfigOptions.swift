import ArgumentParser

/// `--config`, for every subcommand.
struct ConfigOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML or JSON file with options. NOTIFY_CONFIG.",
            discussion: """
                Keys are the long names of options: 'url: http://127.0.0.1:8080' in YAML, {"url": "http://127.0.0.1:8080"} \
                in JSON.
                """,
            valueName: "file"
        ),
        completion: .file(extensions: ["yaml", "yml", "json"])
    )
    var config: String?

    func settings() throws -> Settings {
        try Settings(configFile: config)
    }
}
