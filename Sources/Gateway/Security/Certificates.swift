import Logging
import NIOSSL
import Synchronization

/// The certificate that new connections get. Files that change are read again; connections that are open keep what they
/// have. A file that cannot be used changes nothing.
///
/// Safe to use from any thread.
final class Certificates: Sendable {
    private struct State {
        var context: NIOSSLContext
        /// Of the files that were read last, good or bad.
        var read: Stamps
        /// Of the files at the last look.
        var seen: Stamps
    }

    private struct Stamps: Hashable {
        let certificate: FileStamp?
        let key: FileStamp?

        init(_ files: TLSFiles) {
            (certificate, key) = (FileStamp(files.certificate), FileStamp(files.key))
        }
    }

    private let files: TLSFiles
    private let logger: Logger
    private let state: Mutex<State>

    /// - Throws: ``GatewayError``, as ``TLSFiles/context()``.
    init(_ files: TLSFiles, _ logger: Logger) throws(GatewayError) {
        (self.files, self.logger) = (files, logger)
        let stamps = Stamps(files)
        state = Mutex(State(context: try files.context(), read: stamps, seen: stamps))
    }

    /// For the next connection.
    var current: NIOSSLContext { state.withLock { $0.context } }

    /// Reads both files again.
    ///
    /// - Throws: ``GatewayError``; then the certificate stays.
    func reload() throws(GatewayError) {
        let stamps = Stamps(files)
        let context = Result { () throws(GatewayError) in try files.context() }
        state.withLock { state in
            (state.read, state.seen) = (stamps, stamps)
            if case .success(let context) = context { state.context = context }
        }
        _ = try context.get()
        logger.notice("The certificate was read again", metadata: ["file": "\(files.certificate)"])
    }

    /// Reads files that have changed since they were read, and not since the last look: certificate and key are written one
    /// after the other, and what lies there in between does not fit together.
    func look() {
        let stamps = Stamps(files)
        let isDue = state.withLock { state in
            defer { state.seen = stamps }
            return stamps != state.read && stamps == state.seen
        }
        guard isDue else { return }
        do throws(GatewayError) { try reload() } catch {
            logger.error("The changed certificate cannot be used, and the old one stays: \(error)")
        }
    }

    /// How long between two looks.
    private static let pause = Duration.seconds(1)

    /// Looks again and again until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: Self.pause)) != nil { look() }
    }
}
