import Broker
import HTTPTypes
import Hummingbird
import Logging
import Synchronization

@testable import Gateway

/// A server with one route, which answers with a streamed response.
enum ResponseServer {
    static func run(
        logger: Logger = Logger(label: "notify"),
        _ make: @escaping @Sendable () -> any ResponseGenerator,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        try await run({ _ in }, logger: logger, make, body)
    }

    static func run(
        _ configure: (inout GatewayConfiguration) -> Void,
        logger: Logger = Logger(label: "notify"),
        _ make: @escaping @Sendable () -> any ResponseGenerator,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let router = Router(context: GatewayContext.self)
        router.page("/made", needs: .nothing, [.get: { _, _ in make() }, .post: { _, _ in make() }])
        try await TestServer.run(
            {
                $0.allowsCleartextHTTP2 = true
                configure(&$0)
            },
            router: router,
            logger: logger,
            body
        )
    }
}

/// Parts that a test makes, and what became of them.
final class MadeParts<Part: ResponsePart>: AsyncSequence, Sendable {
    typealias Element = Part
    typealias AsyncIterator = Iterator
    typealias Failure = any Error

    struct Broken: Error {}

    private let stream: AsyncThrowingStream<Part, any Error>
    private let continuation: AsyncThrowingStream<Part, any Error>.Continuation
    private let asked = Atomic<Int>(0)
    private let cancelled = Atomic<Bool>(false)
    private let started = Atomic<Bool>(false)

    init(_ parts: Part...) {
        (stream, continuation) = AsyncThrowingStream.makeStream()
        for part in parts { continuation.yield(part) }
    }

    func make(_ part: Part) { continuation.yield(part) }
    func end() { continuation.finish() }
    func fail() { continuation.finish(throwing: Broken()) }

    /// How often the next part was asked for.
    var asks: Int { asked.load(ordering: .acquiring) }
    var wasCancelled: Bool { cancelled.load(ordering: .acquiring) }
    var hasStarted: Bool { started.load(ordering: .acquiring) }

    func makeAsyncIterator() -> Iterator {
        started.store(true, ordering: .releasing)
        return Iterator(parts: self, base: stream.makeAsyncIterator())
    }

    struct Iterator: AsyncIteratorProtocol {
        typealias Element = Part

        let parts: MadeParts
        var base: AsyncThrowingStream<Part, any Error>.AsyncIterator

        mutating func next() async throws -> Part? {
            parts.asked.wrappingAdd(1, ordering: .acquiringAndReleasing)
            let part = try await base.next()
            if Task.isCancelled { parts.cancelled.store(true, ordering: .releasing) }
            return part
        }
    }
}

/// Parts without an end, made as fast as they are asked for.
final class EndlessParts: AsyncSequence, Sendable {
    private let size: Int
    private let count = Atomic<Int>(0)

    init(size: Int) {
        self.size = size
    }

    /// Bytes that were made.
    var bytes: Int { count.load(ordering: .acquiring) * size }

    func makeAsyncIterator() -> Iterator { Iterator(parts: self) }

    struct Iterator: AsyncIteratorProtocol {
        let parts: EndlessParts

        func next() async -> [UInt8]? {
            parts.count.wrappingAdd(1, ordering: .acquiringAndReleasing)
            return Array(repeating: 0x78, count: parts.size)
        }
    }
}

/// Waits until a number stays the same for a while.
func settled(_ value: () -> Int) async throws -> Int {
    var (last, same) = (-1, 0)
    try await eventually {
        let now = value()
        same = now == last ? same + 1 : 0
        last = now
        return same > 100
    }
    return last
}
