import Foundation
import Subprocess
import SystemPackage

/// One run of the built `notify-cli`.
struct CommandRun: Sendable {
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }

    /// Waits for the end of the run.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: Data = Data()
    ) async throws -> CommandRun {
        try await run(executable, arguments, environment: environment, input: input)
    }

    /// As `notify-cli ARGUMENTS | head -n 1` in a shell: the reader goes away after the first line.
    static func runUntilFirstLine(_ arguments: [String]) async throws -> CommandRun {
        try await run("/bin/sh", ["-c", #"{ "$0" "$@"; echo "status $?" >&2; } | head -n 1"#, executable] + arguments)
    }

    /// Foundation's `Process` is not used: on Linux its `run()` crashes now and then as it reads `/proc/self/fd`.
    private static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        input: Data = Data()
    ) async throws -> CommandRun {
        let entries = environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
        let result = try await Subprocess.run(
            .path(FilePath(path)),
            arguments: Arguments(arguments),
            environment: .custom(Dictionary(uniqueKeysWithValues: entries)),
            input: .array(Array(input)),
            output: .string(limit: 16 << 20),
            error: .string(limit: 1 << 20)
        )
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return CommandRun(status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// The test bundle and the executable are built into one folder.
    private static var executable: String {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appending(path: "notify-cli").path
    }
}
