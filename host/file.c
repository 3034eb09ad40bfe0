// realpath() is of X/Open.
#define _XOPEN_SOURCE 700

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool close_and_fail(int descriptor, uint8_t *bytes, int reason) {
    close(descriptor);
    free(bytes);
    errno = reason;
    return false;
}

bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length) {
    int descriptor = open(path, O_RDONLY);
    if (descriptor < 0) {
        return false;
    }
    struct stat status;
    if (fstat(descriptor, &status) != 0 || S_ISDIR(status.st_mode)) {
        return close_and_fail(descriptor, NULL, S_ISDIR(status.st_mode) ? EISDIR : errno);
    }
    // A pipe has no size: the buffer grows as the bytes come.
    size_t room = status.st_size > 0 && (uint64_t)status.st_size <= limit ? (size_t)status.st_size + 1 : 65536;
    uint8_t *buffer = malloc(room);
    size_t used = 0;
    for (;;) {
        if (buffer == NULL) {
            return close_and_fail(descriptor, NULL, ENOMEM);
        }
        ssize_t count = read(descriptor, buffer + used, room - used);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return close_and_fail(descriptor, buffer, errno);
        }
        if (count == 0) {
            break;
        }
        used += (size_t)count;
        if (used > limit) {
            return close_and_fail(descriptor, buffer, EFBIG);
        }
        if (used == room) {
            room *= 2;
            uint8_t *larger = realloc(buffer, room);
            if (larger == NULL) {
                free(buffer);
            }
            buffer = larger;
        }
    }
    close(descriptor);
    *bytes = buffer;
    *length = used;
    return true;
}

static bool write_all(int descriptor, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        bytes += count;
        length -= (size_t)count;
    }
    return fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS;
}

static bool write_in_place(const char *path, const uint8_t *bytes, size_t length) {
    int descriptor = open(path, O_WRONLY);
    if (descriptor < 0) {
        return false;
    }
    bool written = write_all(descriptor, bytes, length);
    int reason = errno;
    close(descriptor);
    errno = reason;
    return written;
}

bool file_replace(const char *path, const uint8_t *bytes, size_t length) {
    struct stat status;
    bool exists = stat(path, &status) == 0;
    // A device or a pipe (/dev/stdout) is written to, not replaced.
    if (exists && !S_ISREG(status.st_mode)) {
        return write_in_place(path, bytes, length);
    }
    // A link is followed, so that the file it names is the one that changes.
    char *real = exists ? realpath(path, NULL) : NULL;
    const char *target = real != NULL ? real : path;
    size_t room = strlen(target) + sizeof ".XXXXXX";
    char *temporary = malloc(room);
    bool done = false;
    if (temporary != NULL) {
        snprintf(temporary, room, "%s.XXXXXX", target);
        int descriptor = mkstemp(temporary);
        if (descriptor >= 0) {
            mode_t mask = umask(0);
            umask(mask);
            mode_t mode = exists ? status.st_mode & 07777 : 0666 & ~mask;
            done = write_all(descriptor, bytes, length) && fchmod(descriptor, mode) == 0;
            done = close(descriptor) == 0 && done;
            done = done && rename(temporary, target) == 0;
            if (!done) {
                int reason = errno;
                unlink(temporary);
                errno = reason;
            }
        }
    }
    int reason = errno;
    free(temporary);
    free(real);
    errno = reason;
    return done;
}
