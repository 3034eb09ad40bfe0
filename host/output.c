// realpath() is of X/Open.
#define _XOPEN_SOURCE 700

#include "host/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/file.h"
#include "host/tool.h"

/// Outputs of one command; `image --parts` has most of them.
#define CLAIMS_MAX 20u
/// No key is read from a larger file.
#define KEY_LIMIT 65536u

enum key { KEY_NONE, KEY_PUBLIC, KEY_PRIVATE };

/// A place that something will be written to: a file that is there, or a name in a directory.
struct place {
    dev_t device;
    ino_t inode;
    char name[NAME_MAX + 1]; ///< "" where the file itself is there
};

static struct {
    struct place place[CLAIMS_MAX];
    size_t count;
    int standard_output; ///< what it was before an output of the name "-" took it; 0 = none did
} claims;

static bool is_standard_output(const char *path) {
    return strcmp(path, "-") == 0;
}

const char *output_name(const char *path) {
    return is_standard_output(path) ? "standard output" : path;
}

/* What lies there already. */

/// A key's file is text (PEM); firmware has the same words among its constants.
static enum key key_in(const char *path) {
    static char text[KEY_LIMIT + 2];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return KEY_NONE;
    }
    size_t length = fread(text, 1, KEY_LIMIT + 1, file);
    fclose(file);
    text[length] = 0;
    if (length > KEY_LIMIT || strlen(text) != length) {
        return KEY_NONE;
    }
    return strstr(text, "PRIVATE KEY-----") != NULL  ? KEY_PRIVATE
           : strstr(text, "PUBLIC KEY-----") != NULL ? KEY_PUBLIC
                                                     : KEY_NONE;
}

static bool same_content(const char *path, const void *bytes, size_t length) {
    FILE *file = fopen(path, "rb");
    uint8_t *found = malloc(length + 1);
    bool same = file != NULL && found != NULL && fread(found, 1, length + 1, file) == length &&
                memcmp(found, bytes, length) == 0;
    free(found);
    if (file != NULL) {
        fclose(file);
    }
    return same;
}

/// The directory that holds `path`.
static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *directory = malloc(length + 1);
    if (directory == NULL) {
        abort();
    }
    memcpy(directory, slash == NULL ? "." : path, length);
    directory[length] = 0;
    return directory;
}

/// Whether a file can be made beside `path`. Sets errno.
static bool directory_takes_files(const char *path) {
    char *directory = directory_of(path);
    struct stat status;
    bool fine = stat(directory, &status) == 0;
    if (fine && !S_ISDIR(status.st_mode)) {
        fine = false;
        errno = ENOTDIR;
    }
    fine = fine && access(directory, W_OK | X_OK) == 0;
    int reason = errno;
    free(directory);
    errno = reason;
    return fine;
}

static int refuse(bool json, const char *path, const char *why) {
    return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, why);
}

static int examine_key(const char *path, enum output_kind kind, bool json) {
    enum key key = key_in(path);
    if (kind == OUTPUT_NEW) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s is there already: a key is never overwritten", path);
    }
    if (key == KEY_PRIVATE) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s holds a private key, which is never overwritten", path);
    }
    if (key == KEY_PUBLIC && kind != OUTPUT_KEY) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s holds a public key, which is never overwritten", path);
    }
    return TOOL_OK;
}

static int examine_regular(const char *path, const struct stat *status, enum output_kind kind, unsigned reads,
                           bool json) {
    const char *name;
    if (file_times_read(status, &name) > reads) {
        return strcmp(name, path) == 0
                   ? tool_fail(json, ONESLOT_ERROR_NONE,
                               "%s is an input of this command, which an output never replaces: give another name",
                               path)
                   : tool_fail(json, ONESLOT_ERROR_NONE,
                               "%s is the same file as %s, an input of this command, which an output never replaces: "
                               "give another name",
                               path, name);
    }
    // The superuser may write to any file: what its owner made read-only is left alone all the same.
    if ((status->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0 || access(path, W_OK) != 0) {
        return refuse(json, path, "it is read-only, and is not replaced");
    }
    return reads > 0 ? TOOL_OK : examine_key(path, kind, json);
}

/// Whether something may be written to `path`, which the command may have read `reads` times.
static int examine(const char *path, enum output_kind kind, unsigned reads, bool json) {
    struct stat status;
    size_t length = strlen(path);
    if (length == 0) {
        return refuse(json, "an output", "its name is empty");
    }
    if (stat(path, &status) != 0) {
        if (errno != ENOENT) {
            return refuse(json, path, strerror(errno));
        }
        if (lstat(path, &status) == 0) {
            return refuse(json, path, "it is a link to a file that is not there: give that file's own name");
        }
        if (path[length - 1] == '/') {
            return refuse(json, path, "this is a directory's name, and a file's is needed");
        }
        return directory_takes_files(path) ? TOOL_OK : refuse(json, path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return refuse(json, path, "it is a directory, and a file's name is needed");
    }
    if (S_ISBLK(status.st_mode)) {
        return refuse(json, path, "it is a disk, which is not written to");
    }
    if (!S_ISREG(status.st_mode)) {
        return TOOL_OK; // A terminal, a pipe, /dev/null: written to, not replaced.
    }
    return examine_regular(path, &status, kind, reads, json);
}

/* Announcing. */

static bool place_of(const char *path, struct place *place) {
    struct stat status;
    memset(place, 0, sizeof *place);
    if (stat(path, &status) != 0) {
        char *directory = directory_of(path);
        const char *slash = strrchr(path, '/');
        bool found = stat(directory, &status) == 0;
        free(directory);
        snprintf(place->name, sizeof place->name, "%s", slash == NULL ? path : slash + 1);
        if (!found) {
            return false;
        }
    } else if (!S_ISREG(status.st_mode)) {
        return false;
    }
    place->device = status.st_dev;
    place->inode = status.st_ino;
    return true;
}

static int claim_standard_output(const char *command, const char *option, enum output_kind kind, bool json) {
    if (json) {
        return tool_usage(command, "--json and %s - both write to standard output", option);
    }
    if (claims.standard_output > 0) {
        return tool_usage(command, "%s -: another output goes to standard output already", option);
    }
    if (kind == OUTPUT_BINARY && isatty(STDOUT_FILENO)) {
        return tool_usage(command, "%s -: these bytes are nothing for a terminal; send them into a file or a pipe",
                          option);
    }
    fflush(stdout);
    claims.standard_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (claims.standard_output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        claims.standard_output = 0;
        return refuse(json, "standard output", strerror(errno));
    }
    return TOOL_OK;
}

int output_claim(const char *command, const char *option, const char *path, enum output_kind kind, bool json) {
    struct place place;
    if (is_standard_output(path)) {
        return claim_standard_output(command, option, kind, json);
    }
    int status = examine(path, kind, 0, json);
    if (status != TOOL_OK || !place_of(path, &place)) {
        return status;
    }
    for (size_t index = 0; index < claims.count; index++) {
        const struct place *other = &claims.place[index];
        if (other->device == place.device && other->inode == place.inode && strcmp(other->name, place.name) == 0) {
            return tool_usage(command, "%s %s: another output goes there already", option, path);
        }
    }
    if (claims.count == CLAIMS_MAX) {
        abort();
    }
    claims.place[claims.count++] = place;
    return TOOL_OK;
}

/* Writing. */

/// The file that is being made, for the signal that ends the tool before it has its name.
static char unfinished[PATH_MAX];

static const int ENDING[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM, SIGPIPE};

static void remove_and_end(int number) {
    unlink(unfinished);
    raise(number);
}

/// From here on a signal removes the unfinished file; those that are ignored stay so.
static void watch_signals(struct sigaction *before) {
    for (size_t index = 0; index < sizeof ENDING / sizeof ENDING[0]; index++) {
        struct sigaction action = {.sa_handler = remove_and_end, .sa_flags = (int)SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        sigaction(ENDING[index], NULL, &before[index]);
        if (before[index].sa_handler != SIG_IGN) {
            sigaction(ENDING[index], &action, NULL);
        }
    }
}

static void unwatch_signals(const struct sigaction *before) {
    for (size_t index = 0; index < sizeof ENDING / sizeof ENDING[0]; index++) {
        sigaction(ENDING[index], &before[index], NULL);
    }
}

static void hold_signals(bool hold) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < sizeof ENDING / sizeof ENDING[0]; index++) {
        sigaddset(&set, ENDING[index]);
    }
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
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
    return true;
}

static bool flush(int descriptor) {
    return fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS;
}

/// A pipe or a device, and standard output.
static bool write_to(int descriptor, const uint8_t *bytes, size_t length) {
    bool written = descriptor >= 0 && write_all(descriptor, bytes, length) && flush(descriptor);
    int reason = errno;
    if (descriptor >= 0 && close(descriptor) != 0 && written) {
        return false;
    }
    errno = reason;
    return written;
}

/// A name that was given is on the disk only when its directory is. Where a directory cannot be flushed nothing is
/// lost by it.
static void flush_directory(const char *path) {
    char *directory = directory_of(path);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(directory);
}

/// Owner and permissions of the old file, where there is one.
static bool dress(int descriptor, const struct stat *old, enum output_kind kind) {
    mode_t mask = umask(0);
    umask(mask);
    if (old != NULL && (old->st_uid != geteuid() || old->st_gid != getegid()) &&
        fchown(descriptor, old->st_uid, old->st_gid) != 0 && errno != EPERM && errno != EINVAL) {
        return false;
    }
    mode_t mode = old != NULL ? old->st_mode & 0777 : kind == OUTPUT_NEW ? 0600 : 0666 & ~mask;
    return fchmod(descriptor, mode) == 0;
}

/// Gives the finished file its name. A new file's name must be free, also when it was not a moment ago.
static bool give_name(const char *target, enum output_kind kind) {
    if (kind != OUTPUT_NEW) {
        return rename(unfinished, target) == 0;
    }
    if (link(unfinished, target) == 0) {
        unlink(unfinished);
        return true;
    }
    // A file system without links (FAT) has no way to give a name that must be free in one step.
    return (errno == EPERM || errno == EOPNOTSUPP) && access(target, F_OK) != 0 && rename(unfinished, target) == 0;
}

static bool make_beside(const char *target, const struct stat *old, enum output_kind kind, const uint8_t *bytes,
                        size_t length) {
    struct sigaction before[sizeof ENDING / sizeof ENDING[0]];
    char *directory = directory_of(target);
    int room = snprintf(unfinished, sizeof unfinished, "%s/.oneslot-XXXXXX", directory);
    free(directory);
    if (room < 0 || (size_t)room >= sizeof unfinished) {
        errno = ENAMETOOLONG;
        return false;
    }
    hold_signals(true);
    int descriptor = mkstemp(unfinished);
    if (descriptor < 0) {
        int reason = errno;
        hold_signals(false);
        errno = reason;
        return false;
    }
    watch_signals(before);
    hold_signals(false);
    bool done = write_all(descriptor, bytes, length) && dress(descriptor, old, kind) && flush(descriptor);
    int reason = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        reason = errno;
    }
    hold_signals(true);
    if (done && !give_name(target, kind)) {
        done = false;
        reason = errno;
    }
    if (!done) {
        unlink(unfinished);
    }
    unwatch_signals(before);
    hold_signals(false);
    errno = reason;
    return done;
}

static bool replace(const char *path, enum output_kind kind, const uint8_t *bytes, size_t length) {
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        return write_to(open(path, O_WRONLY), bytes, length);
    }
    // A link is followed, so that the file it names is the one that changes.
    char *real = exists ? realpath(path, NULL) : NULL;
    const char *target = real != NULL ? real : path;
    bool done = make_beside(target, exists ? &status : NULL, kind, bytes, length);
    int reason = errno;
    if (done) {
        flush_directory(target);
    }
    free(real);
    errno = reason;
    return done;
}

int output_write(const char *path, enum output_kind kind, const void *bytes, size_t length, bool json) {
    if (is_standard_output(path)) {
        int descriptor = claims.standard_output;
        claims.standard_output = 0;
        fflush(stdout);
        return write_to(descriptor, bytes, length) ? TOOL_OK : refuse(json, "standard output", strerror(errno));
    }
    int status = examine(path, kind, 0, json);
    if (status != TOOL_OK) {
        return status;
    }
    if (kind == OUTPUT_KEY && key_in(path) == KEY_PUBLIC) {
        return same_content(path, bytes, length)
                   ? TOOL_OK
                   : tool_fail(json, ONESLOT_ERROR_NONE, "%s holds another public key, which is never overwritten",
                               path);
    }
    return replace(path, kind, bytes, length) ? TOOL_OK : refuse(json, path, strerror(errno));
}

int output_update(const char *path, const void *bytes, size_t length, bool json) {
    int status = examine(path, OUTPUT_BINARY, 1, json);
    if (status != TOOL_OK) {
        return status;
    }
    return replace(path, OUTPUT_BINARY, bytes, length) ? TOOL_OK : refuse(json, path, strerror(errno));
}
