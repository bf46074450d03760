/*
 * Counts fsync and fdatasync of a process and, if asked, makes each take longer.
 *
 * Loaded with LD_PRELOAD by the save bench. SAMANVAY_FSYNC_DELAY_MS adds that many milliseconds to every call (a phone's
 * flash is slower than a server's disk); SAMANVAY_FSYNC_COUNT names a file of 8 bytes, shared memory mapped, that holds the
 * number of calls as a native 64-bit integer. It changes nothing else and never fails a call that would have succeeded.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static _Atomic uint64_t *counter;
static struct timespec delay;

__attribute__((constructor)) static void set_up(void) {
    real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    const char *milliseconds = getenv("SAMANVAY_FSYNC_DELAY_MS");
    if (milliseconds) {
        long value = strtol(milliseconds, NULL, 10);
        delay.tv_sec = value / 1000;
        delay.tv_nsec = (value % 1000) * 1000000L;
    }
    const char *path = getenv("SAMANVAY_FSYNC_COUNT");
    if (!path) return;
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof *counter) != 0) return;
    void *mapped = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) counter = mapped;
    close(file);
}

static void note(void) {
    if (counter) atomic_fetch_add(counter, 1);
    if (delay.tv_sec || delay.tv_nsec) nanosleep(&delay, NULL);
}

int fsync(int file) {
    note();
    return real_fsync(file);
}

int fdatasync(int file) {
    note();
    return real_fdatasync(file);
}
