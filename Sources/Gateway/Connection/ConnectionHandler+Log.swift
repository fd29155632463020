import Broker
import HTTPTypes
import NIOCore
import NIOHTTP1

/// What is counted and logged of requests.
extension ConnectionHandler {
    /// An answer is about to be written.
    func note(_ answer: Answer, to request: HTTPRequestHead, _ mark: RequestMark) {
        mark.span?.end(answer.status)
        let log = services.requestLog
        if let rejection = answer.rejection {
            services.counters.rejections.add(1, rejection)
            if log.hasNotices {
                log.refused(subject(self.mark == nil ? nil : request, mark), rejection, answer.status)
            }
        }
        if log.hasRequests {
            let bytes = request.method == .HEAD ? 0 : answer.body.readableBytes
            log.answered(subject(self.mark == nil ? nil : request, mark), answer.status, bytes: bytes)
        }
    }

    /// - Parameter head: Nil for what was no request, and for a stream, of which the head is not kept.
    func subject(_ head: HTTPRequestHead?, _ mark: RequestMark) -> RequestLog.Subject {
        let connection = AddressBytes(context?.channel.remoteAddress)
        let proxies = services.shard.shared.strangers.proxies
        let client = head.map { proxies.client($0.headers, peer: connection) } ?? connection
        return RequestLog.Subject(head: head, mark: mark, address: client.map { "\($0)" })
    }

    func note(_ reader: SlowReader) {
        guard let mark, services.requestLog.hasNotices else { return }
        services.requestLog.slow(subject(nil, mark), reader, waitingBytes: waitingBytes)
    }
}
