extension Settings {
    /// What is odd about the environment: variables that look like settings and are none. A server starts all the same, since
    /// others may use such names, too.
    var notesOnVariables: [String] {
        let known = Set(SettingKey.all.map(\.variable)).union(Self.otherVariables)
        return variables.filter { $0.hasPrefix("NOTIFY_") && !known.contains($0) }.sorted().prefix(10).map { name in
            let advice = SettingKey.nearest(to: name).map { "; did you mean \($0.variable)?" } ?? "."
            return "The variable \(name.prefix(60)) sets nothing\(advice)"
        }
    }

    /// The file, the service manager's socket, and the program that scripts test.
    private static let otherVariables = ["NOTIFY_CONFIG", "NOTIFY_SOCKET", "NOTIFY_CLI"]
}
