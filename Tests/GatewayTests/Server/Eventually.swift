import NIOCore
import NIOPosix

/// Waits for a state of the server that no event tells of: looks again and again, leaving the cores to others.
func eventually(_ isMet: () -> Bool) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    while !isMet() {
        try Task.checkCancellation()
        try await loop.scheduleTask(in: .milliseconds(1)) {}.futureResult.get()
    }
}
