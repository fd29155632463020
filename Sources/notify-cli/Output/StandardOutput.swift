import Foundation

/// Nobody reads standard output any more, as after `| head -1`.
struct ClosedOutput: Error {}

/// Standard output without a buffer: a reader sees each answer as soon as it is there.
///
/// A full pipe blocks the calling thread. That is meant: it is how a slow reader holds back the whole subscription.
enum StandardOutput {
    static let isTerminal = isatty(STDOUT_FILENO) == 1

    /// Writes the text and a line feed, all of it.
    ///
    /// - Throws: ``ClosedOutput``.
    static func write(line: String) throws {
        try write(Array((line + "\n").utf8), to: STDOUT_FILENO)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
                continue
            }
            switch errno {
            case EINTR:
                continue
            case EAGAIN:
                // Another process that shares the terminal may have made it non-blocking.
                var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&poller, 1, -1)
            case EPIPE:
                throw ClosedOutput()
            default:
                throw UnusableOutput(reason: String(cString: strerror(errno)))
            }
        }
    }

    /// Returns when the reader of a pipe is gone; otherwise waits until it is cancelled.
    ///
    /// Without it, `listen | head -1` would go on until the second message comes.
    static func waitUntilClosed() async throws {
        while true {
            var poller = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            if poll(&poller, 1, 0) == 1, Int32(poller.revents) & Int32(POLLERR) != 0 { return }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}

/// Standard output cannot be written to, e.g. because a disk is full.
struct UnusableOutput: Error, CustomStringConvertible {
    let reason: String
    var description: String { "Cannot write to standard output (\(reason)): check where it leads." }
}

/// For what is not the answer: errors, warnings, and what a person should know.
enum StandardError {
    /// Writes one line. Control characters do not reach a terminal or a log.
    static func write(_ line: String) {
        let text = line.replacingLineFeeds(with: " ").escapedForTerminal
        try? StandardOutput.write(Array((text + "\n").utf8), to: STDERR_FILENO)
    }
}
