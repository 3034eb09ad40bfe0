#include "oneslot/oneslot.h"

#include <stddef.h>
#include <string.h>

#include "oneslot/version.h"

/// Longest label of a region in the flash map.
#define LABEL_MAX 16u

static struct oneslot_journal journal_of(const struct oneslot *oneslot) {
    struct oneslot_journal journal = {&oneslot->flash, oneslot->layout.journal};
    return journal;
}

/// Reads the newest record, and makes it firm: the application acts on it. Where that cannot be written the installer
/// will have to. An empty journal is the state IDLE, not an error.
static enum oneslot_error load(struct oneslot *oneslot) {
    struct oneslot_journal journal = journal_of(oneslot);
    bool settled;
    oneslot->slot = 0;
    enum oneslot_error error = oneslot_journal_look(&journal, &oneslot->record, &oneslot->slot, &settled);
    if (error == ONESLOT_ERROR_NONE && !settled) {
        (void)oneslot_journal_settle(&journal, &oneslot->record, &oneslot->slot);
    }
    return error == ONESLOT_ERROR_JOURNAL_EMPTY ? ONESLOT_ERROR_NONE : error;
}

static enum oneslot_error append(struct oneslot *oneslot) {
    struct oneslot_journal journal = journal_of(oneslot);
    return oneslot_journal_append(&journal, &oneslot->record, &oneslot->slot);
}

/// Whether an upgrade holds the device: it may be neither replaced nor taken back.
static bool is_busy(const struct oneslot *oneslot) {
    return oneslot->record.state == ONESLOT_STATE_INSTALLING || oneslot->record.state == ONESLOT_STATE_TRIAL;
}

/// Whether a trial was confirmed in ESP-IDF's way alone; the journal does not know of it yet.
static enum oneslot_error is_confirmed(const struct oneslot *oneslot, bool *confirmed) {
    *confirmed = false;
    if (oneslot->choice == NULL || oneslot->record.state != ONESLOT_STATE_TRIAL) {
        return ONESLOT_ERROR_NONE;
    }
    return oneslot->choice->is_confirmed(oneslot, confirmed);
}

/// Writes down in the journal what otadata alone knows: the request erases it.
static enum oneslot_error settle_trial(struct oneslot *oneslot) {
    bool confirmed;
    enum oneslot_error error = is_confirmed(oneslot, &confirmed);
    return error == ONESLOT_ERROR_NONE && confirmed ? oneslot_confirm(oneslot) : error;
}

/// Length of a text, ONESLOT_PATH_MAX + 1 for anything longer.
static uint32_t bounded_length(const char *text) {
    uint32_t length = 0;
    while (length <= ONESLOT_PATH_MAX && text[length] != '\0') {
        length++;
    }
    return length;
}

/// Whether a path has one of the forms of source.h: "/file", "label:/file", "@label". Which regions there are only
/// the installer knows.
static bool path_valid(const char *path) {
    if (path == NULL) {
        return false;
    }
    uint32_t length = bounded_length(path);
    if (length == 0 || length > ONESLOT_PATH_MAX) {
        return false;
    }
    if (path[0] == '/') {
        return true;
    }
    if (path[0] == '@') {
        return length > 1 && path[1] != ':';
    }
    uint32_t label = 0;
    while (label < length && path[label] != ':' && path[label] != '/') {
        label++;
    }
    return label > 0 && label <= LABEL_MAX && path[label] == ':' && path[label + 1] == '/';
}

/// Copies a valid path into a zeroed field.
static void set_path(char field[ONESLOT_PATH_MAX], const char *path) {
    memcpy(field, path, bounded_length(path));
}

static enum oneslot_error check(const char *path, const struct oneslot_options *options) {
    if (!path_valid(path)) {
        return ONESLOT_ERROR_PATH_INVALID;
    }
    if (options == NULL) {
        return ONESLOT_ERROR_NONE;
    }
    if (options->trial_boots > ONESLOT_TRIAL_MAX || (options->fallback != NULL && options->trial_boots == 0)) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    return options->fallback == NULL || path_valid(options->fallback) ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PATH_INVALID;
}

/// Forgets the last request; what is known about the device stays: the image that runs and the file that holds it, what
/// failed its trial, the last files looked at.
static void clear_request(struct oneslot_record *record) {
    record->outcome = ONESLOT_ERROR_NONE;
    record->flags = 0;
    record->trial_boots = 0;
    record->kind = 0;
    record->plan_shift = 0;
    record->size = 0;
    record->target = 0;
    record->detail = 0;
    record->own_outcome = ONESLOT_ERROR_NONE;
    record->attempts = 0;
    record->failures = 0;
    memset(record->path, 0, sizeof record->path);
    memset(record->fallback, 0, sizeof record->fallback);
    memset(record->expected, 0, sizeof record->expected);
    memset(record->plan, 0, sizeof record->plan);
}

enum oneslot_error oneslot_open(struct oneslot *oneslot, const struct oneslot_flash *flash) {
    memset(oneslot, 0, sizeof *oneslot);
    oneslot->flash = *flash;
    enum oneslot_error error = oneslot_layout_read(&oneslot->flash, &oneslot->layout);
    return error != ONESLOT_ERROR_NONE ? error : load(oneslot);
}

enum oneslot_error oneslot_request(struct oneslot *oneslot, const char *path, const struct oneslot_options *options) {
    enum oneslot_error error = check(path, options);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    error = load(oneslot);
    if (error == ONESLOT_ERROR_NONE) {
        error = settle_trial(oneslot);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (is_busy(oneslot)) {
        return ONESLOT_ERROR_BUSY;
    }
    // First of all: a cut behind it makes the installer start, find nothing to do and hand back.
    if (oneslot->choice != NULL) {
        error = oneslot->choice->take_back(oneslot);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    struct oneslot_record *record = &oneslot->record;
    clear_request(record);
    record->state = ONESLOT_STATE_REQUESTED;
    set_path(record->path, path);
    if (options != NULL) {
        record->trial_boots = (uint8_t)options->trial_boots;
        if (options->fallback != NULL) {
            set_path(record->fallback, options->fallback);
        }
        if (options->sha256 != NULL) {
            record->flags = ONESLOT_REQUEST_SHA256;
            memcpy(record->expected, options->sha256, sizeof record->expected);
        }
    }
    return append(oneslot);
}

enum oneslot_error oneslot_cancel(struct oneslot *oneslot) {
    enum oneslot_error error = load(oneslot);
    if (error == ONESLOT_ERROR_NONE) {
        error = settle_trial(oneslot);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (is_busy(oneslot)) {
        return ONESLOT_ERROR_BUSY;
    }
    if (oneslot->record.state != ONESLOT_STATE_REQUESTED) {
        return ONESLOT_ERROR_NONE;
    }
    clear_request(&oneslot->record);
    oneslot->record.state = oneslot->record.installed_size != 0 ? ONESLOT_STATE_DONE : ONESLOT_STATE_IDLE;
    return append(oneslot);
}

enum oneslot_error oneslot_confirm(struct oneslot *oneslot) {
    enum oneslot_error error = load(oneslot);
    if (error != ONESLOT_ERROR_NONE || oneslot->record.state != ONESLOT_STATE_TRIAL) {
        return error;
    }
    oneslot->record.state = ONESLOT_STATE_DONE;
    oneslot->record.outcome = ONESLOT_ERROR_NONE;
    oneslot->record.detail = 0;
    oneslot_version_raise(oneslot->record.floor, oneslot->record.installed_version);
    return append(oneslot);
}

/// Boots that a trial has left.
static enum oneslot_error trial_left(const struct oneslot *oneslot, uint32_t *left) {
    struct oneslot_journal journal = journal_of(oneslot);
    uint32_t used = 0;
    *left = 0;
    if (oneslot->record.state != ONESLOT_STATE_TRIAL) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = oneslot_journal_trial_used(&journal, oneslot->slot, &used);
    if (error == ONESLOT_ERROR_NONE && used < oneslot->record.trial_boots) {
        *left = oneslot->record.trial_boots - used;
    }
    return error;
}

enum oneslot_error oneslot_status(struct oneslot *oneslot, struct oneslot_status *status) {
    memset(status, 0, sizeof *status);
    enum oneslot_error error = load(oneslot);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    const struct oneslot_record *record = &oneslot->record;
    status->state = (enum oneslot_state)record->state;
    status->outcome = (enum oneslot_error)record->outcome;
    status->detail = record->detail;
    status->own_outcome = (enum oneslot_error)record->own_outcome;
    memcpy(status->path, record->path, sizeof record->path);
    status->installed_size = record->installed_size;
    memcpy(status->installed, record->installed, sizeof record->installed);
    bool confirmed;
    error = is_confirmed(oneslot, &confirmed);
    if (error == ONESLOT_ERROR_NONE && confirmed) {
        status->state = ONESLOT_STATE_DONE;
        return ONESLOT_ERROR_NONE;
    }
    return error != ONESLOT_ERROR_NONE ? error : trial_left(oneslot, &status->trial_left);
}

/// A text that is being put together in the caller's buffer; what does not fit is dropped.
struct text {
    char *to;
    uint32_t left; ///< bytes that are free, the one for the terminating zero not counted
};

static void add(struct text *text, const char *words) {
    for (; *words != '\0' && text->left > 0; words++) {
        *text->to++ = *words;
        text->left--;
    }
    *text->to = '\0';
}

/// Adds a small decimal number; the device links no printf.
static void add_number(struct text *text, uint32_t number) {
    char digits[11];
    uint32_t first = sizeof digits - 1u;
    digits[first] = '\0';
    do {
        digits[--first] = (char)('0' + number % 10u);
        number /= 10u;
    } while (number > 0);
    add(text, digits + first);
}

/// How an attempt ended that did not go as asked.
static void add_outcome(struct text *text, const struct oneslot_status *status) {
    // After a trial the sentence says it all: nothing was refused.
    bool after_trial = status->outcome == ONESLOT_ERROR_TRIAL_EXPIRED || status->outcome == ONESLOT_ERROR_NO_FALLBACK;
    if (!after_trial) {
        add(text, status->path[0] != '\0' ? "refused " : "refused");
        add(text, status->path);
        add(text, ": ");
    }
    add(text, oneslot_error_text(status->outcome));
    if (status->detail != 0 &&
        (status->outcome == ONESLOT_ERROR_WAY_BACK || status->outcome == ONESLOT_ERROR_NO_FALLBACK)) {
        add(text, ": ");
        add(text, oneslot_error_text((enum oneslot_error)status->detail));
    }
}

/// What the device came to by itself since the last request.
static void add_own_outcome(struct text *text, enum oneslot_error outcome) {
    if (outcome == ONESLOT_ERROR_NONE) {
        return;
    }
    bool application = outcome == ONESLOT_ERROR_APPLICATION_BROKEN || outcome == ONESLOT_ERROR_APPLICATION_REFUSED;
    add(text, application ? "; " : "; refused the file at the watch path: ");
    add(text, oneslot_error_text(outcome));
}

static void add_status(struct text *text, const struct oneslot_status *status) {
    if (status->outcome != ONESLOT_ERROR_NONE) {
        add_outcome(text, status);
        return;
    }
    switch (status->state) {
    case ONESLOT_STATE_REQUESTED:
        add(text, "to be upgraded to ");
        add(text, status->path);
        add(text, " at the next reset");
        return;
    case ONESLOT_STATE_INSTALLING:
        add(text, "installing ");
        add(text, status->path);
        return;
    case ONESLOT_STATE_TRIAL:
        add(text, "on trial, ");
        add_number(text, status->trial_left);
        add(text, status->trial_left == 1 ? " boot left" : " boots left");
        return;
    default:
        add(text, status->path[0] != '\0' ? "upgraded to " : "no upgrade asked for");
        add(text, status->path);
        return;
    }
}

void oneslot_status_text(const struct oneslot_status *status, char *text, uint32_t size) {
    if (size == 0) {
        return;
    }
    struct text builder = {text, size - 1u};
    *text = '\0';
    add_status(&builder, status);
    add_own_outcome(&builder, status->own_outcome);
}
