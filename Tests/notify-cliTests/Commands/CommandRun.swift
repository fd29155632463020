import Foundation

/// One run of the built `notify-cli`.
struct CommandRun: Sendable {
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }

    /// Waits for the end of the run.
    ///
    /// The waiting is done on threads of its own: the tasks of the scripted server need those of Swift's pool.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: Data = Data()
    ) async throws -> CommandRun {
        let process = Process()
        process.executableURL = try executable
        process.arguments = arguments
        process.environment = environment
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        async let output = Self.onThread { stdout.fileHandleForReading.readDataToEndOfFile() }
        async let errors = Self.onThread { stderr.fileHandleForReading.readDataToEndOfFile() }
        await Self.onThread {
            try? stdin.fileHandleForWriting.write(contentsOf: input)
            try? stdin.fileHandleForWriting.close()
        }
        let (out, err) = await (output, errors)
        await Self.onThread { process.waitUntilExit() }
        return CommandRun(
            status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: String(decoding: out, as: UTF8.self),
            errors: String(decoding: err, as: UTF8.self)
        )
    }

    /// The test bundle and the executable are built into one folder.
    static var executable: URL {
        get throws {
            let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
            let executable = URL(fileURLWithPath: bundle).deletingLastPathComponent().appending(path: "notify-cli")
            guard FileManager.default.isExecutableFile(atPath: executable.path) else {
                throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: executable.path])
            }
            return executable
        }
    }

    static func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: work()) }
        }
    }
}
