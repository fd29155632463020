import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// What is logged of single requests: one line for each at `debug`, and at `info` those that were refused, and readers that
/// are slow.
///
/// A line never has a query, a header's value or a body: tokens may stand in each.
///
/// Confined to its event loop, but for the quota, which all loops share.
final class RequestLog {
    /// Bounds the lines at `info`, for all event loops together.
    final class Quota: Sendable {
        fileprivate let notices = Mutex(LogQuota<Notice>())
    }

    private let logger: Logger
    private let quota: Quota
    /// As of the last look at the logger, which is once a second: looking costs as much as a fifth of a lookup in a table,
    /// and would be paid by each request.
    private(set) var hasRequests = false
    private(set) var hasNotices = false

    init(_ logger: Logger, _ quota: Quota) {
        (self.logger, self.quota) = (logger, quota)
        look()
    }

    private func look() {
        let level = logger.logLevel
        (hasRequests, hasNotices) = (level <= .debug, level <= .info)
    }

    /// Called about once a second.
    func tick(_ now: NIODeadline) {
        look()
        for (notice, count) in quota.notices.withLock({ $0.takeLeftOut(now: now) }) {
            logger.info(
                "More of these were left out of the log",
                metadata: ["reason": "\(notice.reason)", "count": "\(count)"]
            )
        }
    }

    /// What a line says of its request.
    struct Subject {
        /// Nil for what was no request.
        var head: HTTPRequestHead?
        var mark: RequestMark
        let address: String?

        fileprivate var metadata: Logger.Metadata {
            var metadata: Logger.Metadata = ["id": "\(mark.id)"]
            if let head {
                metadata["method"] = "\(head.method.rawValue.forLog)"
                metadata["path"] = "\(Self.path(of: head.uri))"
            }
            if let user = mark.user { metadata["user"] = "\(user.forLog)" }
            if let address { metadata["address"] = "\(address)" }
            return metadata
        }

        /// Without its query. What is no path may have a password in it.
        private static func path(of uri: String) -> String {
            uri.utf8.first == UInt8(ascii: "/") ? String(RequestTarget(uri).path).forLog : "*"
        }
    }

    // MARK: Lines

    func answered(_ subject: Subject, _ status: HTTPResponse.Status, bytes: Int) {
        var metadata = subject.metadata
        metadata["status"] = .stringConvertible(status.code)
        metadata["bytes"] = .stringConvertible(bytes)
        metadata["ms"] = Self.milliseconds(since: subject.mark.began)
        logger.debug("A request was answered", metadata: metadata)
    }

    /// Nobody was there any more to take the answer.
    func abandoned(_ subject: Subject) {
        var metadata = subject.metadata
        metadata["ms"] = Self.milliseconds(since: subject.mark.began)
        logger.debug("A client went away before it was answered", metadata: metadata)
    }

    func streamEnded(_ subject: Subject) {
        var metadata = subject.metadata
        metadata["ms"] = Self.milliseconds(since: subject.mark.began)
        logger.debug("A stream has ended", metadata: metadata)
    }

    func refused(_ subject: Subject, _ rejection: Rejection, _ status: HTTPResponse.Status, now: NIODeadline = .now()) {
        guard quota.notices.withLock({ $0.take(.refusal(rejection), now: now) }) else { return }
        var metadata = subject.metadata
        metadata["reason"] = "\(rejection.rawValue)"
        metadata["status"] = .stringConvertible(status.code)
        logger.info("A request was refused", metadata: metadata)
    }

    func slow(_ subject: Subject, _ reader: SlowReader, waitingBytes: Int, now: NIODeadline = .now()) {
        guard quota.notices.withLock({ $0.take(.slowReader(reader), now: now) }) else { return }
        var metadata = subject.metadata
        metadata["reason"] = "\(reader.rawValue)"
        metadata["waiting"] = .stringConvertible(waitingBytes)
        logger.info("\(reader.sentence)", metadata: metadata)
    }

    private static func milliseconds(since began: NIODeadline) -> Logger.MetadataValue {
        .stringConvertible(Double((NIODeadline.now() - began).nanoseconds / 10_000) / 100)
    }
}

extension String {
    /// Cut, and without what could end a line, move a terminal's cursor, or be taken for the end of a value.
    fileprivate var forLog: String {
        let limit = 200
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            let isPlain = scalar.value >= 0x20 && scalar.properties.generalCategory != .control && scalar != "\""
            text += isPlain ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
        }
        return unicodeScalars.count > limit ? text + "…" : text
    }
}
