import ArgumentParser
import Foundation
import Gateway
import NotifyClient

/// A command line, variable or file that cannot be understood: exit status 64.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension AsyncParsableCommand {
    /// Runs a subcommand's work and turns what it throws into one line on standard error and the exit status: 64 for
    /// wrong usage, 1 for any other failure. A closed standard output is no failure: whoever read it has had enough.
    func reportingErrors(_ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch is ClosedOutput {
            return
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardError.write("Error: \(error)\(Self.advice(on: error))")
            throw Self.isUsage(error) ? ExitCode.validationFailure : ExitCode.failure
        }
    }

    private static func advice(on error: any Error) -> String {
        (error as? NotifyClientError)?.status == 401
            ? " For notify-cli the token stands in NOTIFY_TOKEN, or in the file of --token-file." : ""
    }

    private static func isUsage(_ error: any Error) -> Bool {
        error is UsageError || error is ValidationError || (error as? NotifyClientError)?.code == .invalidArgument
            || (error as? GatewayError)?.code == .invalidConfiguration
    }
}
