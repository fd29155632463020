#if THREAD_SANITIZER
import Broker

/// See `Broker`'s: a lock that the thread sanitizer understands.
typealias Mutex = Broker.Mutex
#endif
