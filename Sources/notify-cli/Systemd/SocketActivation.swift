import Foundation
import Gateway

/// The listening socket that a service manager hands over (sd_listen_fds(3)).
enum SocketActivation {
    /// The first descriptor that is handed over.
    private static let firstDescriptor: Int32 = 3

    /// Nil where none was handed over to this process.
    ///
    /// - Throws: ``GatewayError`` for what is no socket that listens for TCP, and ``UsageError`` for more than one.
    static func socket(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        process: Int32 = getpid()
    ) throws -> HandedOverSocket? {
        guard let count = try count(environment, process), count > 0 else { return nil }
        guard count == 1 else {
            let names = environment["LISTEN_FDNAMES"].map { " (\($0.prefix(200).escapedForTerminal))" } ?? ""
            throw UsageError(
                "\(count) sockets were handed over\(names), and one is used: give the unit one ListenStream=."
            )
        }
        return try HandedOverSocket(descriptor: firstDescriptor)
    }

    /// How many there are. The variables are for the process that they name, and not for what it has started.
    static func count(_ environment: [String: String], _ process: Int32) throws -> Int? {
        guard let owner = environment["LISTEN_PID"], let text = environment["LISTEN_FDS"] else { return nil }
        guard let owner = Int32(owner), let count = Int(text), count >= 0 else {
            throw UsageError(
                "LISTEN_PID and LISTEN_FDS are no numbers: leave them to the service manager, or unset them."
            )
        }
        return owner == process ? count : nil
    }
}
