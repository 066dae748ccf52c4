/* Listens to what a program does to the files of one folder, and keeps a tape of it, in order: see power.py.

Preloaded (LD_PRELOAD), it stands between the program and libc, so that it hears Python, SQLite and Chroma alike. A
record is a head, a path (two with a zero between, of a rename) and the bytes written. Descriptors are told by inode. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ({ static __typeof__(&name) f; if (!f) f = (__typeof__(&name))dlsym(RTLD_NEXT, #name); f; })

struct head { uint32_t op, path, data, none; uint64_t inode; int64_t at; };

static int tape = -1;
static dev_t disk;
static char root[PATH_MAX];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* a call and its record are one */

static void take(void) { pthread_mutex_lock(&turn); }
static void give(void) { pthread_mutex_unlock(&turn); }

static void note(char op, const char *path, size_t length, const void *data, size_t size, ino_t inode, off_t at)
{
    int before = errno;
    struct head head = {op, length, size, 0, inode, at};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, length}, {(void *)data, size}};
    if (REAL(writev)(tape, parts, 3) < 0) _exit(70);
    errno = before;
}

static void note_path(char op, const char *path, ino_t inode) { note(op, path, strlen(path), "", 0, inode, 0); }

/* From here on, into this file, whatever happens below this folder. */
void listen_to(const char *file, const char *folder)
{
    struct stat s;
    tape = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (tape < 0 || stat(folder, &s)) _exit(70);
    disk = s.st_dev;
    snprintf(root, sizeof root, "%s/", folder);
    pthread_atfork(take, give, give);
    note_path('d', folder, s.st_ino);
}

/* The whole path; whether it lies in the folder. */
static int inside(int folder, const char *path, char *whole)
{
    char link[64], base[PATH_MAX] = "";
    if (tape < 0) return 0;
    if (path[0] != '/' && folder == AT_FDCWD && !getcwd(base, sizeof base)) return 0;
    if (path[0] != '/' && folder != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, base, sizeof base - 1);
        if (n < 0) return 0;
        base[n] = 0;
    }
    if (snprintf(whole, PATH_MAX, "%s%s%s", base, *base ? "/" : "", path) >= PATH_MAX) _exit(70);
    return !strncmp(whole, root, strlen(root));
}

static int there(const char *path) { struct stat s; return !stat(path, &s); }
static ino_t inode(int fd) { struct stat s; return fstat(fd, &s) ? 0 : s.st_ino; }

/* Whether a descriptor is of a file on the folder's disk; whose file it is, the tape's reader knows. */
static int heard(int fd)
{
    struct stat s;
    return tape >= 0 && !fstat(fd, &s) && s.st_dev == disk && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode));
}

static int opened(int fd, const char *path, int is_new, int emptied)
{
    if (fd >= 0 && is_new) note_path('c', path, inode(fd));
    else if (fd >= 0 && emptied) note('t', "", 0, "", 0, inode(fd), 0);
    return fd;
}

#define OPEN(folder, call) \
    char whole[PATH_MAX]; \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    if (!(flags & (O_CREAT | O_TRUNC)) || !inside(folder, path, whole)) return call; \
    take(); \
    int is_new = !there(whole), fd = opened(call, whole, is_new, flags & O_TRUNC); \
    give(); \
    return fd;

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD, REAL(open)(path, flags, mode)) }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD, REAL(open64)(path, flags, mode)) }
int openat(int in, const char *path, int flags, ...) { OPEN(in, REAL(openat)(in, path, flags, mode)) }
int openat64(int in, const char *path, int flags, ...) { OPEN(in, REAL(openat64)(in, path, flags, mode)) }
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

#define FOPEN(name) \
    FILE *name(const char *path, const char *how) \
    { \
        char whole[PATH_MAX]; \
        if (how[0] == 'r' || !inside(AT_FDCWD, path, whole)) return REAL(name)(path, how); \
        take(); \
        int is_new = !there(whole); \
        FILE *file = REAL(name)(path, how); \
        if (file) opened(fileno(file), whole, is_new, how[0] == 'w'); \
        give(); \
        return file; \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* A stream writes inside libc, unheard: when it is flushed, its file is noted as it is then. */
static void noted(FILE *file)
{
    char link[64], path[PATH_MAX], data[1 << 16];
    int fd = fileno(file), before = errno, copy;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = tape < 0 ? -1 : readlink(link, path, sizeof path - 1);
    if (n > 0) path[n] = 0;
    if (n > 0 && !strncmp(path, root, strlen(root)) && (copy = REAL(open)(link, O_RDONLY)) >= 0) {
        off_t at = 0;
        for (; (n = read(copy, data, sizeof data)) > 0; at += n) note('w', "", 0, data, n, inode(copy), at);
        close(copy);
    }
    errno = before;
}

int fflush(FILE *file)
{
    int failed = REAL(fflush)(file);
    if (file) { take(); noted(file); give(); }
    return failed;
}
int fclose(FILE *file)
{
    REAL(fflush)(file);
    take();
    noted(file);
    int failed = REAL(fclose)(file);
    give();
    return failed;
}

/* Of a call that wrote n bytes; `at` is -1 where the descriptor's own place counts. */
static ssize_t wrote(int fd, const struct iovec *parts, ssize_t n, off_t at)
{
    off_t place = at < 0 ? lseek(fd, 0, SEEK_CUR) - n : at;
    for (ssize_t left = n; left > 0; parts++) {
        size_t size = parts->iov_len < (size_t)left ? parts->iov_len : (size_t)left;
        note('w', "", 0, parts->iov_base, size, inode(fd), place);
        place += size;
        left -= size;
    }
    return n;
}

#define WRITE(call, parts, at) \
    if (!heard(fd)) return call; \
    take(); \
    ssize_t n = wrote(fd, parts, call, at); \
    give(); \
    return n;
#define ONE (&(struct iovec){(void *)data, size})

ssize_t write(int fd, const void *data, size_t size) { WRITE(REAL(write)(fd, data, size), ONE, -1) }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { WRITE(REAL(pwrite)(fd, data, size, at), ONE, at) }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    WRITE(REAL(pwrite64)(fd, data, size, at), ONE, at)
}
ssize_t writev(int fd, const struct iovec *v, int count) { WRITE(REAL(writev)(fd, v, count), v, -1) }
ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
    WRITE(REAL(pwritev)(fd, v, count, at), v, at)
}
ssize_t pwritev64(int fd, const struct iovec *v, int count, off64_t at)
{
    WRITE(REAL(pwritev64)(fd, v, count, at), v, at)
}

#define ON(op, call, size) \
    if (!heard(fd)) return call; \
    take(); \
    int failed = call; \
    if (!failed) note(op, "", 0, "", 0, inode(fd), size); \
    give(); \
    return failed;

int fsync(int fd) { ON('s', REAL(fsync)(fd), 0) }
int fdatasync(int fd) { ON('s', REAL(fdatasync)(fd), 0) }
int ftruncate(int fd, off_t size) { ON('t', REAL(ftruncate)(fd, size), size) }
int ftruncate64(int fd, off64_t size) { ON('t', REAL(ftruncate64)(fd, size), size) }

#define AT(op, in, path, call, made) \
    char whole[PATH_MAX]; \
    struct stat s = {0}; \
    if (!inside(in, path, whole)) return call; \
    take(); \
    int failed = call; \
    if (!failed && made) stat(whole, &s); \
    if (!failed) note_path(op, whole, s.st_ino); \
    give(); \
    return failed;

int unlink(const char *path) { AT('u', AT_FDCWD, path, REAL(unlink)(path), 0) }
int unlinkat(int in, const char *path, int flags) { AT('u', in, path, REAL(unlinkat)(in, path, flags), 0) }
int remove(const char *path) { AT('u', AT_FDCWD, path, REAL(remove)(path), 0) }
int rmdir(const char *path) { AT('u', AT_FDCWD, path, REAL(rmdir)(path), 0) }
int mkdir(const char *path, mode_t mode) { AT('d', AT_FDCWD, path, REAL(mkdir)(path, mode), 1) }
int mkdirat(int in, const char *path, mode_t mode) { AT('d', in, path, REAL(mkdirat)(in, path, mode), 1) }

#define RENAME(op, old_in, new_in, call) \
    char both[2 * PATH_MAX], whole[PATH_MAX]; \
    if (!inside(old_in, old, both) || !inside(new_in, new, whole)) return call; \
    size_t first = strlen(both) + 1; \
    strcpy(both + first, whole); \
    take(); \
    int failed = call; \
    if (!failed) note(op, both, first + strlen(whole), "", 0, 0, 0); \
    give(); \
    return failed;

int rename(const char *old, const char *new) { RENAME('r', AT_FDCWD, AT_FDCWD, REAL(rename)(old, new)) }
int renameat(int a, const char *old, int b, const char *new) { RENAME('r', a, b, REAL(renameat)(a, old, b, new)) }
int renameat2(int a, const char *old, int b, const char *new, unsigned int flags)
{
    RENAME('r', a, b, REAL(renameat2)(a, old, b, new, flags))
}
int link(const char *old, const char *new) { RENAME('l', AT_FDCWD, AT_FDCWD, REAL(link)(old, new)) }
