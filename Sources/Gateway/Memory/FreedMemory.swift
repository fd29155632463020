import Dispatch
import Glibc
import NIOCore

/// Gives memory back to the system after a burst of large bodies, answers or recent messages.
///
/// The allocator keeps what was freed in the middle of its heap: after 600 MiB of bodies, 400 stayed resident.
enum FreedMemory {
    /// A burst is at least so large.
    private static let least = 8 << 20

    static func watch(_ shared: Shard.SharedState, on eventLoop: any EventLoop) {
        let pause = TimeAmount.seconds(5)
        // Recent messages come and go one at a time: their peak is seen by looking, so that they pay nothing for it.
        let recentPeak = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: eventLoop)
        eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            let recent = shared.counters.recentBytes.value
            recentPeak.value = max(recentPeak.value, recent)
            let looks = [
                shared.bodies.takePeak(), shared.answers.budget.takePeak(), (peak: recentPeak.value, used: recent),
            ]
            guard looks.contains(where: { $0.peak >= least && $0.used < $0.peak / 4 }) else { return }
            recentPeak.value = recent
            // It takes some milliseconds for each hundred megabytes: not on the event loop.
            DispatchQueue.global(qos: .utility).async { _ = trim?(0) }
        }
    }

    /// `malloc_trim(3)`, which the C library's module does not show to Swift; nil where the library has none.
    private static let trim: (@convention(c) (Int) -> CInt)? = dlsym(nil, "malloc_trim").map {
        unsafeBitCast($0, to: (@convention(c) (Int) -> CInt).self)
    }
}
