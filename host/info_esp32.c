/*
 * What `oneslot info` says of flashes of the ESP32 family.
 */
#include <stdlib.h>
#include <string.h>

#include "host/esp32.h"
#include "host/info.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "host/stock.h"
#include "host/tool.h"
#include "oneslot/otadata.h"

static const char *state_text(uint32_t state) {
    static const char *const NAMES[] = {"new", "pending verify", "valid", "invalid", "aborted"};
    return state < sizeof NAMES / sizeof NAMES[0] ? NAMES[state]
           : state == ONESLOT_OTA_UNDEFINED       ? "undefined"
                                                  : "unknown";
}

/// Boot loader.

static void bootloader_json(struct json *json, const struct esp32_flash *flash) {
    const uint8_t *header = flash->bytes + flash->chip->bootloader;
    json_string(json, "chip", flash->chip->title);
    json_object(json, "boot_loader");
    json_number(json, "address", flash->chip->bootloader);
    json_number(json, "size", flash->bootloader.size);
    json_number(json, "flash_size", esp32_flash_size(header));
    json_string(json, "flash_mode", flash_mode_name(header[2]));
    json_bool(json, "digest", flash->bootloader.digest);
    json_bool(json, "signed", flash->bootloader.signed_size != flash->bootloader.size);
    enum esp32_ability rollback =
        flash->bootloader_error == ONESLOT_ERROR_NONE ? esp32_flash_rollback(flash) : ESP32_ABILITY_UNKNOWN;
    if (rollback == ESP32_ABILITY_UNKNOWN) {
        json_null(json, "rollback");
    } else {
        json_bool(json, "rollback", rollback == ESP32_ABILITY_YES);
    }
    json_string(json, "error",
                flash->bootloader_error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(flash->bootloader_error));
    json_object_end(json);
}

static void bootloader_text(const struct esp32_flash *flash) {
    const uint8_t *header = flash->bytes + flash->chip->bootloader;
    const char *mode = flash_mode_name(header[2]);
    char size[24];
    uint32_t bytes = esp32_flash_size(header);
    printf("  boot loader at 0x%x, %u bytes, for %s of flash, %s: ", flash->chip->bootloader, flash->bootloader.size,
           bytes != 0 ? size_text(bytes, size) : "an unknown size", mode != NULL ? mode : "unknown mode");
    if (flash->bootloader_error != ONESLOT_ERROR_NONE) {
        puts(oneslot_error_text(flash->bootloader_error));
        return;
    }
    printf("%s%s\n", flash->bootloader.digest ? "SHA-256 holds" : "checksum holds",
           flash->bootloader.signed_size != flash->bootloader.size ? ", signed for Secure Boot v2" : "");
    static const char *const ROLLBACK[] = {
        [ESP32_ABILITY_UNKNOWN] = "its code does not tell whether it has rollback, which trials need",
        [ESP32_ABILITY_NO] = "without rollback: a trial ('request --trial') would never end",
        [ESP32_ABILITY_YES] = "with rollback: trials end by themselves",
    };
    printf("            %s\n", ROLLBACK[esp32_flash_rollback(flash)]);
}

/// otadata.

static const struct oneslot_partition *find_otadata(const struct esp32_flash *flash) {
    for (uint32_t index = 0; index < flash->map.count; index++) {
        const struct oneslot_partition *region = &flash->map.partition[index];
        if (region->type == ONESLOT_TYPE_DATA && region->subtype == ONESLOT_SUBTYPE_DATA_OTA &&
            region->size >= ONESLOT_OTADATA_SECTORS * ONESLOT_SECTOR_SIZE && region->address < flash->size &&
            region->size <= flash->size - region->address) {
            return region;
        }
    }
    return NULL;
}

/// Reads the entry that counts. Returns false where there is no otadata.
static bool read_otadata(const struct esp32_flash *flash, struct oneslot_otadata *entry) {
    const struct oneslot_partition *region = find_otadata(flash);
    return region != NULL && oneslot_otadata_read(&flash->flash, region->address, entry, NULL) == ONESLOT_ERROR_NONE;
}

static void otadata_json(struct json *json, const struct esp32_flash *flash) {
    struct oneslot_otadata entry;
    struct esp32_image image;
    if (read_otadata(flash, &entry)) {
        bool erased = entry.sequence == 0xffffffff;
        json_object(json, "otadata");
        if (erased) {
            json_null(json, "sequence");
        } else {
            json_number(json, "sequence", entry.sequence);
        }
        json_string(json, "state", erased ? NULL : state_text(entry.state));
        json_object_end(json);
    }
    const struct oneslot_partition *region = esp32_flash_next(flash, &image, NULL);
    json_string(json, "starts", region != NULL ? region->label : NULL);
}

static void otadata_text(const struct esp32_flash *flash) {
    struct oneslot_otadata entry;
    struct esp32_image image;
    bool given_up;
    const struct oneslot_partition *region = esp32_flash_next(flash, &image, &given_up);
    if (read_otadata(flash, &entry)) {
        if (entry.sequence == 0xffffffff) {
            fputs("  otadata   erased", stdout);
        } else {
            printf("  otadata   sequence %u, %s", entry.sequence, state_text(entry.state));
            if (given_up) {
                fputs(" (on trial, and given up at the next reset unless it confirms itself before)", stdout);
            }
        }
    } else {
        fputs("  otadata   none", stdout);
    }
    if (region != NULL) {
        printf(": the boot loader starts '%s'\n", region->label);
    } else {
        puts(": the boot loader finds nothing to start");
    }
}

/// A flash with Oneslot.

static void installer_of(const struct flash_file *file, struct esp32_image *image, enum oneslot_error *error) {
    uint32_t at = file->layout.installer;
    *error = esp32_image_read(image, file->bytes + at, file->size - at);
}

void info_esp32_json(struct json *json, const struct flash_file *file) {
    struct esp32_flash flash;
    struct esp32_image image;
    enum oneslot_error error;
    if (esp32_flash_read(&flash, file->bytes, file->size) != ONESLOT_ERROR_NONE) {
        return;
    }
    bootloader_json(json, &flash);
    otadata_json(json, &flash);
    installer_of(file, &image, &error);
    json_object(json, "installer");
    json_string(json, "error", error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(error));
    json_number(json, "size", image.size);
    json_string(json, "version", image.described ? image.description.version : NULL);
    json_object_end(json);
    esp32_flash_free(&flash);
}

void info_esp32_text(const struct flash_file *file) {
    struct esp32_flash flash;
    struct esp32_image image;
    enum oneslot_error error;
    if (esp32_flash_read(&flash, file->bytes, file->size) != ONESLOT_ERROR_NONE) {
        return;
    }
    bootloader_text(&flash);
    otadata_text(&flash);
    installer_of(file, &image, &error);
    printf("  installer %s%s%u bytes%s%s\n", image.described ? image.description.version : "",
           image.described && image.description.version[0] != 0 ? ", " : "", image.size,
           error == ONESLOT_ERROR_NONE ? "" : ": ", error == ONESLOT_ERROR_NONE ? "" : oneslot_error_text(error));
    esp32_flash_free(&flash);
}

/// A flash without, and files that hold the beginning of one.

/// One application partition. Returns false where it holds nothing.
static bool application_of(const struct esp32_flash *flash, const struct oneslot_partition *region,
                           struct firmware *firmware) {
    struct esp32_image image;
    if (region->type != ONESLOT_TYPE_APP || region->address >= flash->size || flash->bytes[region->address] == 0xff) {
        return false;
    }
    enum oneslot_error error = esp32_flash_image(flash, region, &image);
    uint32_t room = flash->size - region->address;
    room = region->size < room ? region->size : room;
    firmware_read(firmware, flash->bytes + region->address, error == ONESLOT_ERROR_NONE ? image.signed_size : room);
    return true;
}

static void look_at_files(const struct esp32_flash *flash, struct info_files *files, bool *there) {
    struct stock stock;
    const struct oneslot_partition *region = oneslot_map_file_system(&flash->map);
    if (region == NULL && stock_read(&stock, flash->bytes, flash->size) && stock.kind == FILES_LITTLEFS) {
        region = &stock.files; // which the table does not have
    }
    *there = region != NULL && region->address < flash->size && region->size <= flash->size - region->address;
    if (*there) {
        info_look_at_files(files, flash->bytes + region->address, region->size);
    }
}

static void show_json(const struct esp32_flash *flash) {
    struct json json;
    struct info_files files;
    struct firmware firmware;
    bool there;
    tool_json_begin(&json, stdout, tool_json_error(flash->map_error), oneslot_error_text(flash->map_error));
    json_string(&json, "type", flash->base == 0 && flash->file_size == flash->size ? "flash" : "combined");
    json_number(&json, "size", flash->file_size);
    json_number(&json, "base", flash->base);
    bootloader_json(&json, flash);
    if (flash->map_error == ONESLOT_ERROR_NONE) {
        info_map_json(&json, &flash->map);
        otadata_json(&json, flash);
        json_array(&json, "applications");
        for (uint32_t index = 0; index < flash->map.count; index++) {
            if (!application_of(flash, &flash->map.partition[index], &firmware)) {
                continue;
            }
            json_object(&json, NULL);
            json_string(&json, "partition", flash->map.partition[index].label);
            json_number(&json, "address", flash->map.partition[index].address);
            info_firmware_json(&json, &firmware);
            json_string(&json, "error",
                        firmware.error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(firmware.error));
            json_object_end(&json);
        }
        json_array_end(&json);
        look_at_files(flash, &files, &there);
        if (there) {
            info_files_json(&json, &files);
        }
    }
    tool_json_end(&json);
}

static void show_text(const struct esp32_flash *flash) {
    struct info_files files;
    struct firmware firmware;
    bool there;
    bool whole = flash->base == 0 && flash->file_size == flash->size;
    char size[24];
    printf("%s%s, %s%s, %s", tool_colour(stdout, 1), whole ? "flash without Oneslot" : "combined image",
           flash->chip->title, tool_colour(stdout, 0), size_text(flash->file_size, size));
    if (whole) {
        putchar('\n');
    } else {
        printf(" from flash 0x%x on\n", flash->base);
    }
    bootloader_text(flash);
    if (flash->map_error != ONESLOT_ERROR_NONE) {
        printf("  map       %s\n", oneslot_error_text(flash->map_error));
        return;
    }
    info_map_text(&flash->map);
    otadata_text(flash);
    look_at_files(flash, &files, &there);
    if (there) {
        info_files_text(&files);
    }
    for (uint32_t index = 0; index < flash->map.count; index++) {
        const struct oneslot_partition *region = &flash->map.partition[index];
        if (application_of(flash, region, &firmware)) {
            printf("  in '%s':\n", region->label);
            info_firmware_text(&firmware);
            // Without a descriptor nothing of it was proven, which was told.
            if (firmware.error != ONESLOT_ERROR_NONE && firmware.error != ONESLOT_ERROR_IMAGE_CHIP) {
                printf("  proof     %s\n", oneslot_error_text(firmware.error));
            }
        }
    }
}

bool info_esp32_show(const char *path, const uint8_t *bytes, uint32_t size, bool as_json, bool csv, int *status) {
    struct esp32_flash flash;
    enum oneslot_error error = esp32_flash_read(&flash, bytes, size);
    if (error == ONESLOT_ERROR_FLASH_ENCRYPTED) {
        *status = tool_fail(as_json, error, "%s: %s", path, oneslot_error_text(error));
        return true;
    }
    uint32_t at;
    const struct esp32_chip *misplaced = error != ONESLOT_ERROR_NONE ? esp32_misplaced(bytes, size, &at) : NULL;
    if (misplaced != NULL) {
        *status =
            tool_fail(as_json, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
                      "%s: a boot loader for the %s lies at flash 0x%x, and that chip looks for it at 0x%x: it would "
                      "not start",
                      path, misplaced->title, at, misplaced->bootloader);
        return true;
    }
    if (error != ONESLOT_ERROR_NONE) {
        return false;
    }
    if (csv && flash.map_error == ONESLOT_ERROR_NONE) {
        map_csv_write(&flash.map, stdout);
    } else if (as_json) {
        show_json(&flash);
    } else if (!csv) {
        show_text(&flash);
    }
    *status = flash.map_error == ONESLOT_ERROR_NONE
                  ? TOOL_OK
                  : tool_fail(false, flash.map_error, "%s: %s", path, oneslot_error_text(flash.map_error));
    esp32_flash_free(&flash);
    return true;
}
