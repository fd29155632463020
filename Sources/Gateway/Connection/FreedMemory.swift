import Dispatch
import Glibc
import NIOCore

/// Gives memory back to the system after a burst of large bodies or answers.
///
/// The allocator keeps what was freed in the middle of its heap: after 600 MiB of bodies, 400 stayed resident.
enum FreedMemory {
    /// A burst is at least so large.
    private static let least = 32 << 20

    static func watch(_ shared: Shard.SharedState, on eventLoop: any EventLoop) {
        let pause = TimeAmount.seconds(5)
        eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            let looks = [shared.bodies.takePeak(), shared.answers.budget.takePeak()]
            guard looks.contains(where: { $0.peak >= least && $0.used < $0.peak / 4 }) else { return }
            // It takes some milliseconds for each hundred megabytes: not on the event loop.
            DispatchQueue.global(qos: .utility).async { _ = trim?(0) }
        }
    }

    /// `malloc_trim(3)`, which the C library's module does not show to Swift; nil where the library has none.
    private static let trim: (@convention(c) (Int) -> CInt)? = dlsym(nil, "malloc_trim").map {
        unsafeBitCast($0, to: (@convention(c) (Int) -> CInt).self)
    }
}
