/* For scripts/load/budgets. Valgrind 3.19 changes the mask that a program gives to sigsuspend, and ends with SIGSEGV
   where that lies in memory that cannot be written, as libdispatch's does. So it is given a copy. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, 8);
}
