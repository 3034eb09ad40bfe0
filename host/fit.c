/*
 * Does an image fit a device? See fit.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/fit.h"
#include "host/pack/package_file.h"
#include "host/size.h"
#include "host/tool.h"

#define WINDOW   0x40200000u
#define MEGABYTE 0x100000u
#define YAOTA_AT 0x3c000u
/// So many constants with addresses of the window at the least, before anything is told from them.
#define WITNESSES 32u

struct fit_reason *fit_against(struct fit *fit, enum oneslot_error error, uint32_t from, uint32_t to,
                               const char *format, ...) {
    fit->count -= fit->count == FIT_REASONS;
    struct fit_reason *reason = &fit->reason[fit->count++];
    *reason = (struct fit_reason){.error = error, .from = from, .to = to, .certain = true};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof reason->text, format, arguments);
    va_end(arguments);
    return reason;
}

/// Where its code was linked for.

/// How many words of the image are addresses in the window that would lie in it if it were flashed at `address`.
static uint32_t witnesses(const struct firmware *firmware, uint32_t address) {
    uint32_t start = WINDOW + address;
    uint32_t found = 0;
    for (uint32_t offset = 0; offset + 4 <= firmware->size; offset += 4) {
        uint32_t word = word_at(firmware->bytes + offset);
        found += word >= start && word - start < firmware->size;
    }
    return found;
}

bool firmware_linked_for(const struct firmware *firmware, uint32_t *address) {
    // yaota8266's second part; user2 of a map of two halves of 512 KiB, of one of 256 KiB.
    static const uint32_t PLACES[] = {YAOTA_AT, 0x41000, 0x81000};
    uint32_t own = firmware->image.target;
    uint32_t best = witnesses(firmware, own);
    *address = own;
    for (size_t index = 0; index < sizeof PLACES / sizeof PLACES[0]; index++) {
        uint32_t found = witnesses(firmware, PLACES[index]);
        // Parts of the ranges are the same, so a few more are no proof.
        if (found > best + best / 4) {
            best = found;
            *address = PLACES[index];
        }
    }
    return best >= WITNESSES;
}

static void check_place(struct fit *fit, const struct firmware *firmware) {
    uint32_t address;
    uint32_t own = firmware->image.target;
    if (!firmware_linked_for(firmware, &address) || address == own) {
        return;
    }
    fit_against(fit, ONESLOT_ERROR_IMAGE_PLACE, own, own + firmware->size,
                "it was linked for 0x%x and would lie at 0x%x: its code would jump into nothing. What would help: %s",
                address, own,
                firmware->image.kind == ONESLOT_IMAGE_USER1 ? "the same firmware's user1 file"
                                                            : "the file of that firmware that is flashed at 0");
}

/// Several files given as one.

static bool begins_image(const struct firmware *firmware, uint32_t offset, uint8_t magic) {
    return firmware->size > offset + 16 && firmware->bytes[offset] == magic;
}

static void check_combined(struct fit *fit, const struct firmware *firmware) {
    const struct oneslot_image *image = &firmware->image;
    if (image->kind != ONESLOT_IMAGE_PLAIN) {
        return;
    }
    const struct oneslot_segment *last = &image->segment[image->boot_segments > 0 ? image->boot_segments - 1 : 0];
    bool small = last->offset + last->length < ONESLOT_SECTOR_SIZE;
    if (small && begins_image(firmware, ONESLOT_SECTOR_SIZE, 0xea)) {
        fit_against(
            fit, ONESLOT_ERROR_IMAGE_COMBINED, 0, firmware->size,
            "it holds a boot loader (bytes 0 to 0xfff) and user1 (from 0x1000 on): give the rest from 0x1000 on as "
            "the firmware, and the boot loader with --boot");
    } else if (firmware->maker == FIRMWARE_MICROPYTHON && begins_image(firmware, YAOTA_AT, 0xe9)) {
        fit_against(fit, ONESLOT_ERROR_IMAGE_COMBINED, 0, firmware->size,
                    "it holds yaota8266 (bytes 0 to 0x3bfff) and a MicroPython for it (from 0x3c000 on), whose updates "
                    "write the first sector. What would help: the project's generic build of the same version");
    }
}

/// Claims.

static bool meet(const struct claim *claim, const struct oneslot_partition *region) {
    return claim->from < region->address + region->size && region->address < claim->to;
}

static bool is_part(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_ONESLOT && region->subtype <= ONESLOT_SUBTYPE_INSTALLER;
}

static bool is_files(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_DATA && region->subtype >= ONESLOT_SUBTYPE_DATA_FAT &&
           region->subtype <= ONESLOT_SUBTYPE_DATA_LITTLEFS;
}

static bool reads(const struct claims *claims, const struct oneslot_partition *region) {
    static const uint8_t READ_AS[] = {
        [ONESLOT_SUBTYPE_DATA_FAT - ONESLOT_SUBTYPE_DATA_FAT] = CLAIM_FAT,
        [ONESLOT_SUBTYPE_DATA_SPIFFS - ONESLOT_SUBTYPE_DATA_FAT] = CLAIM_SPIFFS,
        [ONESLOT_SUBTYPE_DATA_LITTLEFS - ONESLOT_SUBTYPE_DATA_FAT] = CLAIM_LITTLEFS,
    };
    return (claims->reads & READ_AS[region->subtype - ONESLOT_SUBTYPE_DATA_FAT]) != 0;
}

/// The firmware's own files, where the map has them: the same beginning, and no further than the map's end.
static bool is_its_own(const struct claim *claim, const struct claims *claims, const struct oneslot_partition *region) {
    return claim->kind == CLAIM_FILES && claim->from == region->address &&
           claim->to <= region->address + region->size && reads(claims, region);
}

static const char *remedy(const struct claim *claim, const struct claims *claims) {
    if (claim->kind == CLAIM_FILES && claims->to_header_end) {
        return "a build whose files begin where this map has them; or a flash image made anew from this firmware "
               "('oneslot image'), with a header that tells of less flash than the chip has";
    }
    return "a build for this flash map, or a flash image made anew from this firmware ('oneslot image')";
}

/// Whether the claim and the region go together: nothing of Oneslot's there, no files of another.
static bool harmless(const struct claim *claim, const struct claims *claims, const struct oneslot_partition *region) {
    if (!meet(claim, region) || claim->kind == CLAIM_SECOND) {
        return true;
    }
    if (is_part(region)) {
        return false;
    }
    // The SDK reads the init data, and does not write them; the ROM's place is written only where it is erased.
    return !is_files(region) || is_its_own(claim, claims, region) || claim->kind == CLAIM_PHY;
}

static void check_claim(struct fit *fit, const struct claims *claims, const struct claim *claim,
                        const struct oneslot_map *map) {
    const struct oneslot_partition *worst = NULL;
    for (uint32_t row = 0; row < map->count; row++) {
        const struct oneslot_partition *region = &map->partition[row];
        if (!harmless(claim, claims, region) && (worst == NULL || (is_part(region) && !is_part(worst)))) {
            worst = region;
        }
    }
    if (worst == NULL) {
        return;
    }
    bool part = is_part(worst);
    bool same = claim->kind == CLAIM_FILES && claim->from == worst->address && !part && !reads(claims, worst);
    struct fit_reason *reason =
        fit_against(fit, ONESLOT_ERROR_IMAGE_CLAIMS, claim->from, claim->to,
                    "%s%s takes 0x%x to 0x%x (%s), and '%s' lies at 0x%x to 0x%x: %s. What would help: %s", claim->what,
                    claim->certain ? "" : " probably", claim->from, claim->to, claim->when, worst->label,
                    worst->address, worst->address + worst->size,
                    part   ? "Oneslot would be destroyed, and the device dead"
                    : same ? "that is of another kind, which it would call corrupt or format, and the files be lost"
                           : "the files there would be lost",
                    remedy(claim, claims));
    reason->part = part;
    reason->certain = claim->certain;
}

/// The SDK reads and writes nothing behind the end that the header tells of (seen on an emulated chip).
static void check_told(struct fit *fit, const struct claim *claim, uint32_t told) {
    char size[24];
    if (claim->kind == CLAIM_FILES && claim->from >= told) {
        struct fit_reason *reason = fit_against(
            fit, ONESLOT_ERROR_IMAGE_CLAIMS, claim->from, claim->to,
            "%s is to lie at 0x%x to 0x%x, and the header of this device tells of %s: the SDK reaches nothing "
            "behind that, so it would run without its files. What would help: a build for a flash of %s, or a "
            "flash image made anew from this firmware ('oneslot image')",
            claim->what, claim->from, claim->to, size_text(told, size), size);
        reason->certain = claim->certain;
    }
}

static void check_claims(struct fit *fit, const struct claims *claims, const struct fit_device *device) {
    for (uint32_t index = 0; index < claims->count; index++) {
        const struct claim *claim = &claims->claim[index];
        if (claim->to <= device->chip.flash_size) {
            check_claim(fit, claims, claim, device->map);
            check_told(fit, claim, device->chip.told);
        } else if (claim->kind != CLAIM_SECOND && claim->certain) {
            fit_against(
                fit, ONESLOT_ERROR_IMAGE_CLAIMS, claim->from, claim->to,
                "%s is to lie at 0x%x to 0x%x, and the flash ends at 0x%x: the image was built for a larger chip",
                claim->what, claim->from, claim->to, device->chip.flash_size);
        }
    }
}

/// PHY init data.

static bool erased(const uint8_t *bytes, uint32_t length) {
    for (uint32_t index = 0; index < length; index++) {
        if (bytes[index] != 0xff) {
            return false;
        }
    }
    return true;
}

const struct claim *fit_init_data(const struct claims *claims, const struct firmware *firmware) {
    const struct claim *phy = claims_find(claims, CLAIM_PHY);
    return phy != NULL && firmware_needs_init_data(firmware) && !claims_fill_init_data(claims, firmware, phy->from)
               ? phy
               : NULL;
}

static void check_phy(struct fit *fit, const struct claims *claims, const struct firmware *firmware,
                      const struct fit_device *device) {
    const struct claim *phy = claims_find(claims, CLAIM_PHY);
    if (phy == NULL || device->flash == NULL || phy->to > device->chip.flash_size ||
        !firmware_needs_init_data(firmware)) {
        return;
    }
    const uint8_t *bytes = device->flash + phy->from;
    bool blank = erased(bytes, FIRMWARE_INIT_DATA);
    if (bytes[0] == 0x05 || (blank && claims_fill_init_data(claims, firmware, phy->from))) {
        return;
    }
    fit_against(
        fit, ONESLOT_ERROR_PHY_INIT, phy->from, phy->to,
        "its SDK reads PHY init data from 0x%x, where this flash %s: it would print \"rf_cal[0] !=0x05,is 0x%02X\" "
        "and reset for ever. What would help: %s; or a flash image made anew, with --init-data "
        "esp_init_data_default.bin",
        phy->from, blank ? "is erased" : "has something else", bytes[0],
        claims_fill_init_data(claims, firmware, phy->from)
            ? "that sector erased by wire, then the firmware fills it itself"
            : "Espressif's esp_init_data_default.bin written there by wire");
}

/// The image's own partition table is for one size of flash: with another the SDK stops at its start.
static void check_table(struct fit *fit, const struct claims *claims, const struct firmware *firmware,
                        const struct fit_device *device) {
    const struct claim *system = claims_find(claims, CLAIM_SYSTEM);
    char size[24];
    char told[24];
    if (firmware->image.kind == ONESLOT_IMAGE_USER1 && system != NULL && system->to != device->chip.told) {
        fit_against(
            fit, ONESLOT_ERROR_IMAGE_CLAIMS, system->from, system->to,
            "its partition table is for %s of flash, and the header tells of %s: the SDK would not start it. What "
            "would help: the file of this firmware that is for this size, or --flash-header keep",
            size_text(system->to, size), size_text(device->chip.told, told));
    }
}

void fit_alone(struct fit *fit, const struct firmware *firmware) {
    fit->count = 0;
    if (firmware->image.kind == ONESLOT_IMAGE_BOOT) {
        fit_against(
            fit, ONESLOT_ERROR_IMAGE_UNKNOWN, 0, firmware->size,
            "it is a boot loader alone, which would start nothing. What would help: the firmware that it starts "
            "(user1)");
    } else if (firmware->image.kind != ONESLOT_IMAGE_ESP32) {
        check_place(fit, firmware);
        check_combined(fit, firmware);
    }
}

void fit_check(struct fit *fit, const struct firmware *firmware, const struct fit_device *device) {
    struct claims claims;
    fit_alone(fit, firmware);
    if (firmware->image.kind == ONESLOT_IMAGE_ESP32) {
        return; // the partition table says it all, and ESP-IDF keeps to it
    }
    claims_of(&claims, firmware, &device->chip);
    check_table(fit, &claims, firmware, device);
    check_claims(fit, &claims, device);
    check_phy(fit, &claims, firmware, device);
}

/// Whether it ends where the firmware's region does, at the latest.
static void check_room(struct fit *fit, const struct firmware *firmware, uint32_t end) {
    uint32_t start = firmware->image.target;
    if (firmware->size <= end - start) {
        return;
    }
    fit_against(fit, ONESLOT_ERROR_IMAGE_TOO_LARGE, start, start + firmware->size,
                "it takes 0x%x to 0x%x, and the firmware's region of this device ends at 0x%x: %u bytes too many. What "
                "would help: a smaller build, or a flash image made anew from this firmware ('oneslot image')",
                start, start + firmware->size, end, firmware->size - (end - start));
}

/// Of bytes that are an image of the ESP8266, whole.
static void check_image(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size) {
    struct firmware firmware;
    uint32_t told;
    uint8_t nibble = device->bytes[3] >> 4;
    firmware_read(&firmware, bytes, size);
    flash_size_name(nibble, &told);
    if (firmware.error != ONESLOT_ERROR_NONE || told == 0) {
        return;
    }
    struct fit_device here = {
        .chip = {.flash_size = device->layout.flash_size, .told = told, .nibble = nibble},
        .map = &device->map,
        .flash = device->bytes,
    };
    fit_check(fit, &firmware, &here);
    check_room(fit, &firmware, device->layout.firmware);
}

static void check_any(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size) {
    if (device->idf) {
        fit_esp32(fit, device, bytes, size);
    } else {
        check_image(fit, device, bytes, size);
    }
}

void fit_file(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size) {
    fit->count = 0;
    if (size < 16) {
        return;
    }
    if (!package_file_begins(bytes, size)) {
        if (bytes[0] == 0xe9 || bytes[0] == 0xea) {
            check_any(fit, device, bytes, size);
        }
        return;
    }
    struct package_file file;
    enum oneslot_error error = package_file_open(&file, bytes, size);
    uint8_t *image = NULL;
    if (error == ONESLOT_ERROR_NONE && !oneslot_package_has(&file.package, ONESLOT_TLV_INSTALLER)) {
        image = package_file_image(&file, &error);
    }
    if (image != NULL) {
        check_any(fit, device, image, file.package.unpacked_size);
    }
    free(image);
    package_file_close(&file);
}

int fit_say(const struct fit *fit, const char *what, bool warn, bool json) {
    const struct fit_reason *first = NULL;
    for (size_t index = 0; index < fit->count; index++) {
        const struct fit_reason *reason = &fit->reason[index];
        if (warn || !reason->certain) {
            tool_warn("%s: %s", what, reason->text);
        } else if (first != NULL) {
            tool_complain("%s: %s", what, reason->text);
        } else {
            first = reason;
        }
    }
    return first == NULL ? TOOL_OK
                         : tool_fail(json, first->error, "%s: %s (--force does it all the same)", what, first->text);
}
