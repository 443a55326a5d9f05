/* Fails the Nth call that writes, syncs, renames, makes or removes something below a directory, in one process.

   FAIL_UNDER: the directory. FAIL_AT: N, from 1; 0 only counts. FAIL_ERRNO: the number. FAIL_COUNT: a file that is
   told how many calls there were. FAIL_STICKY: 1, and every later call fails, too, as on a full disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *under;
static long fail_at = -1, n_calls;
static int fail_errno, sticky;
static pid_t owner;

static void tell(void) {
    const char *path = getenv("FAIL_COUNT");
    if (!path || getpid() != owner) return;
    FILE *file = fopen(path, "w");
    if (file) { fprintf(file, "%ld\n", n_calls); fclose(file); }
}

/* Told anew by each test process that forked from a warm one: see arm() in the test build. */
void failing_io_arm(void) {
    under = getenv("FAIL_UNDER");
    fail_at = getenv("FAIL_AT") ? atol(getenv("FAIL_AT")) : -1;
    fail_errno = getenv("FAIL_ERRNO") ? atoi(getenv("FAIL_ERRNO")) : EIO;
    sticky = getenv("FAIL_STICKY") != NULL;
    n_calls = 0;
    owner = getpid();
}

void failing_io_tell(void) { tell(); }

static int is_under(const char *path) { return path && !strncmp(path, under, strlen(under)); }

static int at_is_under(int dir, const char *path) {
    char link[64], base[PATH_MAX];
    if (!path) return 0;
    if (path[0] == '/' || dir == AT_FDCWD) return is_under(path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, base, sizeof base - 1);
    if (n < 0) return 0;
    base[n] = 0;
    return is_under(base);
}

static int fd_is_under(int fd) { return at_is_under(fd, "."); }

static int is_armed(void) { return fail_at >= 0 && under && getpid() == owner; }

static int fails(void) {
    long n = __atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST);
    if (fail_at > 0 && (n == fail_at || (sticky && n > fail_at))) { errno = fail_errno; return 1; }
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRAP(type, name, args, call, concerned) \
    type name args { if (is_armed() && (concerned) && fails()) return -1; return REAL(name) call; }

WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n), fd_is_under(fd))
WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), fd_is_under(fd))
WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), fd_is_under(fd))
WRAP(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n), fd_is_under(fd))
WRAP(int, fsync, (int fd), (fd), fd_is_under(fd))
WRAP(int, fdatasync, (int fd), (fd), fd_is_under(fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), fd_is_under(fd))
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), fd_is_under(fd))
WRAP(int, mkdir, (const char *p, mode_t m), (p, m), is_under(p))
WRAP(int, rmdir, (const char *p), (p), is_under(p))
WRAP(int, unlink, (const char *p), (p), is_under(p))
WRAP(int, unlinkat, (int d, const char *p, int f), (d, p, f), at_is_under(d, p))
WRAP(int, link, (const char *a, const char *b), (a, b), is_under(b))
WRAP(int, rename, (const char *a, const char *b), (a, b), is_under(b))
WRAP(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f), (d, a, e, b, f), at_is_under(e, b))

static int opens_for_writing(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        if (is_armed() && opens_for_writing(flags) && is_under(path) && fails()) return -1; \
        return REAL(name)(path, flags, mode); }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        if (is_armed() && opens_for_writing(flags) && at_is_under(dir, path) && fails()) return -1; \
        return REAL(name)(dir, path, flags, mode); }
OPENAT(openat)
OPENAT(openat64)
