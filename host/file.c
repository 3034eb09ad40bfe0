#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// The files that were read, by what they are and not by what they are called.
static struct {
    struct entry {
        dev_t device;
        ino_t inode;
        char *name;
        unsigned times;
    } * entry;
    size_t count;
} inputs;

static struct entry *find(const struct stat *status) {
    for (size_t index = 0; index < inputs.count; index++) {
        if (inputs.entry[index].device == status->st_dev && inputs.entry[index].inode == status->st_ino) {
            return &inputs.entry[index];
        }
    }
    return NULL;
}

void file_note(const char *path, const struct stat *status) {
    struct entry *entry = find(status);
    if (entry == NULL) {
        struct entry *more = realloc(inputs.entry, (inputs.count + 1) * sizeof *more);
        char *name = strdup(path);
        if (more == NULL || name == NULL) {
            abort();
        }
        inputs.entry = more;
        entry = &more[inputs.count++];
        *entry = (struct entry){.device = status->st_dev, .inode = status->st_ino, .name = name};
    }
    entry->times++;
}

unsigned file_times_read(const struct stat *status, const char **name) {
    const struct entry *entry = find(status);
    *name = entry != NULL ? entry->name : NULL;
    return entry != NULL ? entry->times : 0;
}

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
    if (S_ISREG(status.st_mode)) {
        file_note(path, &status);
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
