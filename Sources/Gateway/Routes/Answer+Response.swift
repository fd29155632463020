import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// Gathers the body of the router's answer: all of them are bounded and in memory.
private final class BodyCollector: ResponseBodyWriter, Sendable {
    private let buffer = Mutex(ByteBuffer())

    var bytes: ByteBuffer { buffer.withLock { $0 } }

    func write(_ part: ByteBuffer) async throws {
        buffer.withLock { _ = $0.writeImmutableBuffer(part) }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

extension Answer {
    init(collecting response: Response) async throws {
        let body = BodyCollector()
        try await response.body.write(body)
        self.init(status: response.status, headers: response.headers, body: body.bytes, isForPrograms: false)
    }
}
