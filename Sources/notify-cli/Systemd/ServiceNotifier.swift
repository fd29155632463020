import Foundation
import Logging

/// Tells the service manager how far the server is, by one datagram each (sd_notify(3)).
///
/// Safe to use from any thread. What cannot be sent is logged, and changes nothing else.
struct ServiceNotifier: Sendable {
    /// What there is to tell.
    enum Message: Equatable {
        /// Connections are accepted, or a reload is over.
        case ready(status: String)
        /// Settings are read again; ``ready(status:)`` has to follow.
        case reloading
        /// The server was told to stop.
        case stopping

        /// As it is sent: one assignment a line.
        var text: String {
            switch self {
            case .ready(let status): "READY=1\nSTATUS=\(status.replacingLineFeeds(with: " "))"
            case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(Self.microseconds)"
            case .stopping: "STOPPING=1\nSTATUS=Ends its streams"
            }
        }

        /// The manager compares it with the time of its own request.
        private static var microseconds: Int {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        }
    }

    /// The path of the socket; one in the abstract namespace begins with `@` (unix(7)).
    private let path: String
    private let logger: Logger

    /// Nil where nobody waits to be told.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger) {
        guard let path = environment["NOTIFY_SOCKET"], !path.isEmpty else { return nil }
        guard ["/", "@"].contains(path.prefix(1)), path.utf8.count > 1, path.utf8.count < Self.longestPath else {
            logger.warning(
                "NOTIFY_SOCKET is no path of a socket that this server can use: the service manager is told nothing"
            )
            return nil
        }
        (self.path, self.logger) = (path, logger)
    }

    private static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

    func tell(_ message: Message) {
        if let failure = send(Array(message.text.utf8)) {
            logger.warning("The service manager cannot be told", metadata: ["error": "\(failure)"])
        }
    }

    /// - Returns: Why it was not sent.
    private func send(_ bytes: [UInt8]) -> String? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(path.utf8)
        // An abstract name begins with NUL, and ends with the address; a path may end with NUL.
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let size = MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + name.count } ?? 0
        let sent = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                // A manager that does not read must not hold up the server.
                sendto(
                    descriptor,
                    bytes,
                    bytes.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT),
                    address,
                    socklen_t(size)
                )
            }
        }
        return sent == bytes.count ? nil : String(cString: strerror(errno))
    }
}
