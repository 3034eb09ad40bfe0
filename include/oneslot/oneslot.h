/*
 * Oneslot for applications: ask for an upgrade, confirm it, read how the last one ended.
 *
 * Link core/api.c, core/journal.c, core/flash.c, core/layout.c, core/crc32.c, core/version.c and core/error.c; on the
 * ESP32 family also core/api_table.c, core/layout_table.c, core/otadata.c, core/map.c and an oneslot_md5()
 * (core/md5.h). No heap, about 400 bytes of stack and a struct oneslot of about 900 bytes. Nothing but the flash
 * functions is needed from the application; for ESP-IDF and Arduino ports/ has them, see port.h.
 */
#ifndef ONESLOT_ONESLOT_H
#define ONESLOT_ONESLOT_H

#include "oneslot/journal.h"
#include "oneslot/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

struct oneslot;

/// The choice of what is started, where ESP-IDF's boot loader makes it. An application for an ESP8266 links none of it.
struct oneslot_choice {
    /// Whether it says that the running firmware has confirmed itself.
    enum oneslot_error (*is_confirmed)(const struct oneslot *oneslot, bool *confirmed);
    /// From the next reset on the installer is started.
    enum oneslot_error (*take_back)(const struct oneslot *oneslot);
};

/// A device as the application sees it. Owned by the caller.
struct oneslot {
    struct oneslot_flash flash;
    struct oneslot_layout layout;
    struct oneslot_record record; ///< the newest record, as of the last call
    uint32_t slot;
    const struct oneslot_choice *choice; ///< set by oneslot_open_table; NULL: the loader is ours
};

/// What to install and how.
struct oneslot_options {
    const uint8_t *sha256; ///< 32 bytes that the file's SHA-256 must equal; NULL for none
    const char *fallback;  ///< file to put back if the trial fails; NULL for none
    uint32_t trial_boots;  ///< boots the new firmware has to call oneslot_confirm(); 0 = no trial; at most 32
};

/// How things stand.
struct oneslot_status {
    enum oneslot_state state;
    enum oneslot_error outcome; ///< how the last request ended; NONE while one is pending or none was made
    uint32_t detail;            ///< an address, a size or another error that belongs to it
    enum oneslot_error
        own_outcome;     ///< what the device came to by itself since: the watch file's refusal, a damage; NONE
    uint32_t trial_left; ///< boots left to confirm, while state is TRIAL
    char path[ONESLOT_PATH_MAX + 1]; ///< file of the last request
    uint32_t installed_size;         ///< bytes of the image that runs; 0 = not known
    uint8_t installed[32];           ///< its SHA-256
};

/// Finds Oneslot in the flash. `flash` is copied. Returns NONE, NO_LAYOUT or a flash error.
enum oneslot_error oneslot_open(struct oneslot *oneslot, const struct oneslot_flash *flash);

/// The same on a device with ESP-IDF's boot loader, whose partition table says where the parts lie. `working`:
/// ONESLOT_LAYOUT_BUFFER bytes, aligned to 4, for the time of the call. Returns what oneslot_layout_from_table does, or
/// a flash error.
enum oneslot_error oneslot_open_table(struct oneslot *oneslot, const struct oneslot_flash *flash, uint8_t *working);

/// Asks for `path` to be installed at the next reset. `options` may be NULL. The request survives power-off. A
/// request that was not yet started is replaced. During a trial, confirm first: until then the answer is BUSY, or the
/// way back would be lost. `path` takes the forms of source.h, 1 to ONESLOT_PATH_MAX bytes; whether there is such a
/// file only the installer sees. Returns NONE, PATH_INVALID (of `path` or fallback), ARGUMENT (trial_boots, or a
/// fallback without a trial), BUSY (an installation or a trial is under way), JOURNAL_WRITE, OTADATA_WRITE or a flash
/// error. On a device with ESP-IDF's boot loader otadata is erased first, so that it starts the installer; after a
/// failure it may be that the installer is started once and hands back.
enum oneslot_error oneslot_request(struct oneslot *oneslot, const char *path, const struct oneslot_options *options);

/// Takes back a request that was not yet started. Returns NONE (also when there was none), BUSY (an installation or a
/// trial is under way), JOURNAL_WRITE or a flash error.
enum oneslot_error oneslot_cancel(struct oneslot *oneslot);

/// Ends a trial well: the new firmware stays. Harmless at any other time. On a device with ESP-IDF's boot loader the
/// application calls esp_ota_mark_app_valid_cancel_rollback() after it; that alone counts as a confirmation too.
/// Returns NONE, JOURNAL_WRITE or a flash error.
enum oneslot_error oneslot_confirm(struct oneslot *oneslot);

/// Reads how things stand. Returns NONE or a flash error.
enum oneslot_error oneslot_status(struct oneslot *oneslot, struct oneslot_status *status);

/// The status in words, zero-terminated, cut to `size` bytes: "upgraded to /fw.bin",
/// "refused /fw.bin: the image's MD5 is wrong", "on trial, 2 boots left", ...
void oneslot_status_text(const struct oneslot_status *status, char *text, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
