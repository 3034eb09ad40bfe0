/*
 * Claims: what a firmware of the ESP8266 will write to the flash by itself.
 *
 * A firmware has ideas of its own about the flash: where its files lie, its settings, the SDK's sectors. What it is
 * going to write is known before it runs, from its code where that can be told, else from its maker and version.
 */
#ifndef ONESLOT_HOST_CLAIMS_H
#define ONESLOT_HOST_CLAIMS_H

#include "host/firmware.h"
#include "oneslot/claims.h"

enum claim_kind {
    CLAIM_FILES,    ///< its file system
    CLAIM_NATIVE,   ///< code that it makes while it runs
    CLAIM_SETTINGS, ///< settings of a framework or a program
    CLAIM_RF_CAL,   ///< RF calibration
    CLAIM_PHY,      ///< PHY init data
    CLAIM_SYSTEM,   ///< the SDK's parameters
    CLAIM_HEADER,   ///< the first sector, to mend the flash size in the header
    CLAIM_SECOND,   ///< the second slot of its own updates: only when such an update is made
};

/// File systems that a firmware reads.
#define CLAIM_FAT      1u
#define CLAIM_SPIFFS   2u
#define CLAIM_LITTLEFS 4u

/// One claim. The texts are constant.
struct claim {
    uint32_t from; ///< flash address
    uint32_t to;   ///< exclusive
    enum claim_kind kind;
    const char *what;
    const char *when;   ///< "at its first start", ...
    bool certain;       ///< told from the image itself or from its version; else the usual place of its kind
    const char *source; ///< where this is known from
};

#define CLAIMS_MAX 16u

struct claims {
    uint32_t count;
    struct claim claim[CLAIMS_MAX];
    uint8_t reads;      ///< each file system that it would take up where its files lie: CLAIM_FAT, ...
    bool to_header_end; ///< its file system takes all up to the end of the flash that the header tells of
    bool mends_header;  ///< it writes the chip's real size into the header, so that it cannot be told less
};

/// The chip that it runs on.
struct claims_chip {
    uint32_t flash_size; ///< bytes of the real chip
    uint32_t told;       ///< as the header at flash 0 tells the firmware
    uint8_t nibble;      ///< header byte 3, high half: tells boot_v1.x's maps apart
    uint32_t files_at;   ///< where the person says that its files begin; 0: as the firmware tells
};

/// Fills in what `firmware` claims on that chip. Nothing for a boot loader alone or the ESP32 family, whose partition
/// table says it.
void claims_of(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip);

/// The flash address from which a MicroPython's own files lie, below 1 MiB behind one sector for native code from 1.9
/// on. `certain` (may be NULL): told from its code or its version, else guessed.
uint32_t claims_micropython_files(const struct firmware *firmware, bool *certain);

/// Whether a MicroPython keeps its files on littlefs: all from 1.13 on. Older ones have a FAT, and those between 1.12
/// and 1.13 tell by their code.
bool claims_micropython_littlefs(const struct firmware *firmware);

/// The claim of that kind, or NULL.
const struct claim *claims_find(const struct claims *claims, enum claim_kind kind);

/// Whether the firmware itself fills the sector of PHY init data at `at`, if it finds it erased.
bool claims_fill_init_data(const struct claims *claims, const struct firmware *firmware, uint32_t at);

/// What a package tells of them: those that are certain, and the same on chips of any size but for being counted from
/// the end of the flash. Returns how many.
uint32_t claims_for_package(struct oneslot_claim packed[ONESLOT_CLAIMS_MAX], const struct firmware *firmware);

/// "file system", "RF calibration", ... and its name for programs ("files", "rf-cal", ...).
const char *claim_kind_text(enum claim_kind kind);
const char *claim_kind_name(enum claim_kind kind);

#endif
