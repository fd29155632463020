import NIOCore
import Testing

@testable import Gateway

/// The way from a task to the event loop, without a loop.
@Suite(.timeLimit(.minutes(1)))
struct ResponsePipeTests {
    private static func part(_ size: Int = 10_000) -> ByteBuffer { ByteBuffer(repeating: 0x61, count: size) }

    /// Begins a write that has to wait.
    private static func waiting(_ pipe: ResponsePipe, _ part: ByteBuffer) async -> Task<Void, any Error> {
        let (wakes, woken) = AsyncStream<Void>.makeStream()
        pipe.begin { woken.yield() }
        // The loop was told already.
        _ = pipe.take()
        let task = Task { try await pipe.write(part) }
        for await _ in wakes { break }
        return task
    }

    @Test func `parts gather until there are 16 KiB, and go together`() async throws {
        let pipe = ResponsePipe()
        for _ in 0..<4 { try await pipe.write(Self.part(4096)) }
        #expect(pipe.take().bytes.readableBytes == 4 * 4096)
        #expect(pipe.take().bytes.readableBytes == 0)
    }

    @Test func `a full socket holds the next part until it takes more`() async throws {
        let pipe = ResponsePipe()
        pipe.wrote(isWritable: false)
        let task = await Self.waiting(pipe, Self.part())
        pipe.wrote(isWritable: true)
        #expect(pipe.take().bytes.readableBytes == 10_000)
        pipe.wrote(isWritable: true)
        try await task.value
    }

    @Test func `a cancelled wait takes its part back`() async throws {
        let pipe = ResponsePipe()
        pipe.wrote(isWritable: false)
        let task = await Self.waiting(pipe, Self.part())
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        pipe.wrote(isWritable: true)
        #expect(pipe.take().bytes.readableBytes == 0)
    }

    @Test func `a wait whose part was taken can be cancelled, too`() async throws {
        let pipe = ResponsePipe()
        pipe.wrote(isWritable: false)
        let task = await Self.waiting(pipe, Self.part())
        // Taken, but the socket takes no more.
        #expect(pipe.take().bytes.readableBytes == 10_000)
        pipe.wrote(isWritable: false)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        pipe.wrote(isWritable: true)
        #expect(pipe.take().bytes.readableBytes == 0)
    }

    @Test func `a client that has gone fails what waits and what comes`() async throws {
        let pipe = ResponsePipe()
        pipe.wrote(isWritable: false)
        let task = await Self.waiting(pipe, Self.part())
        pipe.close()
        await #expect(throws: CancellationError.self) { try await task.value }
        await #expect(throws: CancellationError.self) { try await pipe.write(Self.part()) }
    }

    @Test func `the end comes after what waits`() async throws {
        let pipe = ResponsePipe()
        try await pipe.write(Self.part())
        pipe.finish()
        let load = pipe.take()
        #expect(load.bytes.readableBytes == 10_000)
        guard case .finished? = load.end else {
            Issue.record("the end has not come")
            return
        }
        await #expect(throws: CancellationError.self) { try await pipe.write(Self.part()) }
    }
}
