#if THREAD_SANITIZER
package import Broker

/// See `Broker`'s: a lock that the thread sanitizer understands.
package typealias Mutex = Broker.Mutex
#endif
