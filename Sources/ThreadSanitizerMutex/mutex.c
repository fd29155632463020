/* Lets the thread sanitizer see the whole of Swift's `Synchronization.Mutex` (`make test-thread`). In any other build
   this file is empty.

   On Linux the lock's fast path is inlined, and instrumented with its caller. A lock that others wait for goes through
   two functions of the standard library, which is not instrumented, and is handed over by the kernel (FUTEX_LOCK_PI):
   the sanitizer sees no order there, and takes what the lock guards for a race. These two functions stand in front of
   the library's and say what the library's do. Should Swift rename its own, nothing calls these any more, and the false
   reports come back; nothing real is ever hidden. */
#define _GNU_SOURCE

#if __has_feature(thread_sanitizer) && defined(__linux__)
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <stdint.h>

/* Synchronization._MutexHandle._lockSlow(_: UInt32) */
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
/* Synchronization._MutexHandle._unlockSlow() */
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT_METHOD __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context)) void *

typedef SWIFT_METHOD void LockSlow(uint32_t thread, SWIFT_SELF handle);
typedef SWIFT_METHOD void UnlockSlow(SWIFT_SELF handle);

static LockSlow *swift_lock_slow;
static UnlockSlow *swift_unlock_slow;

__attribute__((constructor)) static void find_functions_of_swift(void) {
    swift_lock_slow = (LockSlow *)dlsym(RTLD_NEXT, LOCK_SLOW);
    swift_unlock_slow = (UnlockSlow *)dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT_METHOD void lock_slow(uint32_t thread, SWIFT_SELF handle) __asm__(LOCK_SLOW);
SWIFT_METHOD void lock_slow(uint32_t thread, SWIFT_SELF handle) {
    swift_lock_slow(thread, handle);
    __tsan_acquire(handle);
}

SWIFT_METHOD void unlock_slow(SWIFT_SELF handle) __asm__(UNLOCK_SLOW);
SWIFT_METHOD void unlock_slow(SWIFT_SELF handle) {
    __tsan_release(handle);
    swift_unlock_slow(handle);
}
#endif
