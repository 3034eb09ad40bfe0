/*
 * oneslot image for the ESP32 family: the boot loader and the application stay their makers' own; the partition table
 * gets an installer beside the one application.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/embedded.h"
#include "host/esp32_table.h"
#include "host/file_system.h"
#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/image.h"
#include "host/map/flash_map.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "host/tool.h"
#include "oneslot/journal.h"
#include "oneslot/otadata.h"

#define MEGABYTE 0x100000u
/// Where MicroPython and others have their file system in 4 MiB and more.
#define FILES_AT (2 * MEGABYTE)

static int fail_at(const struct image_build *build, enum oneslot_error error, const char *path) {
    return tool_fail(build->options.json, error, "%s: %s", path, oneslot_error_text(error));
}

/// What was given.

static int check_options(const struct image_build *build) {
    const struct image_options *options = &build->options;
    const char *wrong = options->boot != NULL              ? "--boot"
                        : options->loader != NULL          ? "--loader"
                        : options->header != 0             ? "--flash-header"
                        : options->mode != IMAGE_MODE_KEEP ? "--flash-mode"
                                                           : NULL;
    return wrong == NULL ? TOOL_OK : tool_usage("image", "%s is for the ESP8266 alone", wrong);
}

/// A boot loader where its chip does not look for it.
static int refuse_misplaced(const struct image_build *build, const char *path, const uint8_t *bytes, uint32_t size) {
    uint32_t at;
    const struct esp32_chip *chip = esp32_misplaced(bytes, size, &at);
    if (chip == NULL) {
        return TOOL_OK;
    }
    return tool_fail(
        build->options.json, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
        "%s: a boot loader for the %s lies at flash 0x%x, and that chip looks for it at 0x%x: it would not "
        "start",
        path, chip->title, at, chip->bootloader);
}

static int read_dump(struct image_build *build) {
    struct image_options *options = &build->options;
    struct image_blob file = {0};
    int status = image_load(&file, options->dump, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    enum oneslot_error error = esp32_flash_read(&build->esp32.dump, file.bytes, file.size);
    uint32_t size = file.size;
    status = error != ONESLOT_ERROR_NONE ? refuse_misplaced(build, options->dump, file.bytes, file.size) : TOOL_OK;
    image_unload(&file);
    if (status != TOOL_OK) {
        return status;
    }
    if (error != ONESLOT_ERROR_NONE) {
        return error == ONESLOT_ERROR_FLASH_ENCRYPTED
                   ? fail_at(build, error, options->dump)
                   : tool_fail(options->json, error,
                               "%s is no dump of a flash of the ESP32 family: no boot loader, or no partition table at "
                               "0x8000",
                               options->dump);
    }
    if (build->esp32.dump.base != 0 || size < MEGABYTE || (size & (size - 1)) != 0 ||
        (options->flash_size != 0 && options->flash_size != size)) {
        return tool_fail(options->json, ONESLOT_ERROR_NO_LAYOUT,
                         "%s holds %u bytes from flash 0x%x on: a dump of the whole flash is needed "
                         "('esptool read-flash 0 ALL old.bin')",
                         options->dump, size, build->esp32.dump.base);
    }
    options->flash_size = size;
    build->esp32.stock = &build->esp32.dump;
    return TOOL_OK;
}

/// The file given as firmware: an application, or one with all around it.
static int read_firmware(struct image_build *build, const struct esp32_flash **holder) {
    const struct image_options *options = &build->options;
    const struct image_blob *file = &build->firmware_file;
    *holder = options->firmware == NULL ? &build->esp32.dump : NULL;
    if (options->firmware == NULL) {
        return TOOL_OK;
    }
    enum oneslot_error error = esp32_flash_read(&build->esp32.combined, file->bytes, file->size);
    if (error == ONESLOT_ERROR_FLASH_ENCRYPTED) {
        return fail_at(build, error, options->firmware);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return refuse_misplaced(build, options->firmware, file->bytes, file->size);
    }
    *holder = &build->esp32.combined;
    if (build->esp32.stock == NULL) {
        build->esp32.stock = &build->esp32.combined;
    }
    return TOOL_OK;
}

static int check_map(const struct image_build *build, const struct esp32_flash *flash, const char *path) {
    if (flash->map_error == ONESLOT_ERROR_NONE) {
        return TOOL_OK;
    }
    return tool_fail(build->options.json, flash->map_error, "%s: its partition table at 0x8000: %s", path,
                     oneslot_error_text(flash->map_error));
}

static int take_application(struct image_build *build, const struct esp32_flash *holder) {
    const struct image_options *options = &build->options;
    const char *path = options->firmware != NULL ? options->firmware : options->dump;
    const uint8_t *bytes = build->firmware_file.bytes;
    uint32_t size = build->firmware_file.size;
    if (holder != NULL) {
        struct esp32_image image;
        int status = check_map(build, holder, path);
        if (status != TOOL_OK) {
            return status;
        }
        const struct oneslot_partition *region = esp32_flash_application(holder, &image);
        if (region == NULL) {
            return tool_fail(options->json, ONESLOT_ERROR_IMAGE_UNKNOWN,
                             "%s: no application partition of its table holds a whole application", path);
        }
        bytes = holder->bytes + region->address;
        size = image.signed_size;
    }
    firmware_read(&build->firmware, bytes, size);
    if (build->firmware.error == ONESLOT_ERROR_NONE && build->firmware.image.kind == ONESLOT_IMAGE_ESP32) {
        return TOOL_OK;
    }
    if (esp32_header(bytes, size) && build->firmware.error == ONESLOT_ERROR_IMAGE_CHIP) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_UNKNOWN,
                         "%s is a boot loader alone, or an application without a descriptor (before ESP-IDF 3.2)",
                         path);
    }
    if (build->firmware.error == ONESLOT_ERROR_NONE) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for the ESP8266", path);
    }
    return foreign_fail(options->json, build->firmware.error, path, bytes, size);
}

static int check_chip(struct image_build *build) {
    const struct image_options *options = &build->options;
    const char *path = options->firmware != NULL ? options->firmware : options->dump;
    const struct esp32_chip *chip = esp32_chip(build->firmware.image.chip);
    build->esp32.chip = chip;
    if (chip == NULL || !esp32_chip_served(chip)) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for the %s, which is not served", path,
                         chip != NULL ? chip->title : "ESP32 family, for a chip that is not known");
    }
    if (options->chip != NULL && esp32_chip_named(options->chip) != chip) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for the %s, not for the %s", path, chip->title,
                         esp32_chip_named(options->chip)->title);
    }
    if (build->esp32.stock != NULL && build->esp32.stock->chip != chip) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for the %s, and the boot loader for the %s",
                         path, chip->title, build->esp32.stock->chip->title);
    }
    return TOOL_OK;
}

/// Boot loader and installer.

static bool is_signed(const struct esp32_image *image) {
    return image->signed_size != image->size;
}

/// Where the boot loader that goes into the image lies now; NULL if none was given.
static const uint8_t *bootloader_bytes(const struct image_build *build, uint32_t *size) {
    const struct esp32_flash *stock = build->esp32.stock;
    uint32_t place = build->esp32.chip->bootloader;
    *size = ONESLOT_TABLE_ADDRESS - place;
    if (build->options.bootloader == NULL) {
        return stock != NULL ? stock->bytes + place : NULL;
    }
    *size = build->esp32.bootloader_file.size < *size ? build->esp32.bootloader_file.size : *size;
    return build->esp32.bootloader_file.bytes;
}

static int read_bootloader(struct image_build *build) {
    const struct image_options *options = &build->options;
    const char *path = options->bootloader != NULL ? options->bootloader
                       : options->dump != NULL     ? options->dump
                                                   : options->firmware;
    if (options->bootloader != NULL) {
        int status = image_load(&build->esp32.bootloader_file, options->bootloader, options->json);
        if (status != TOOL_OK) {
            return status;
        }
    }
    uint32_t size;
    const uint8_t *bytes = bootloader_bytes(build, &size);
    if (bytes == NULL) {
        return tool_fail(
            options->json, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
            "%s is an application alone: give its boot loader with --bootloader, or the device's flash with "
            "--dump",
            options->firmware);
    }
    struct esp32_image *image = &build->esp32.bootloader;
    enum oneslot_error error = esp32_image_read(image, bytes, size);
    if (image->described) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_UNKNOWN, "%s is an application, not a boot loader", path);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(options->json, error, "%s: its boot loader: %s", path, oneslot_error_text(error));
    }
    if (image->chip != build->esp32.chip->number) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s: its boot loader is for the %s, not for the %s",
                         path, esp32_chip(image->chip)->title, build->esp32.chip->title);
    }
    if (esp32_bootloader_md5(bytes, image->size) == ESP32_ABILITY_NO) {
        return tool_fail(
            options->json, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
            "%s: its boot loader is older than ESP-IDF 3.1 and takes no partition table with an MD5 row, as "
            "Oneslot's is: give a newer one with --bootloader",
            path);
    }
    if (esp32_bootloader_rollback(bytes, image->size) == ESP32_ABILITY_NO) {
        tool_warn(
            "%s: its boot loader was built without rollback, so this device can have no trials ('request --trial'). "
            "Upgrades without a trial work; a boot loader with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, given with "
            "--bootloader, has both",
            path);
    }
    return TOOL_OK;
}

static bool find_embedded(const struct esp32_chip *chip, struct image_blob *blob) {
    for (const uint8_t *row = embedded_installers; row[0] != 0;) {
        uint32_t size = word_at(row + EMBEDDED_NAME);
        if (strncmp((const char *)row, chip->name, EMBEDDED_NAME) == 0) {
            *blob = (struct image_blob){.bytes = row + EMBEDDED_ROW, .size = size};
            return true;
        }
        row += (EMBEDDED_ROW + size + 15) / 16 * 16;
    }
    return false;
}

static int load_installer(struct image_build *build, struct esp32_image *image) {
    const struct image_options *options = &build->options;
    const char *path = options->installer != NULL ? options->installer : "the built-in installer";
    if (options->installer != NULL) {
        int status = image_load(&build->installer, options->installer, options->json);
        if (status != TOOL_OK) {
            return status;
        }
    } else if (!find_embedded(build->esp32.chip, &build->installer)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE,
                         "this tool was built without an installer for the %s: give one with --installer",
                         build->esp32.chip->title);
    }
    enum oneslot_error error = esp32_image_read(image, build->installer.bytes, build->installer.size);
    if (error != ONESLOT_ERROR_NONE) {
        return fail_at(build, error, path);
    }
    if (!image->described || build->installer.size > ESP32_INSTALLER) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_HEADER,
                         "%s is no installer of Oneslot (%u bytes, at most %u)", path, build->installer.size,
                         ESP32_INSTALLER);
    }
    if (image->chip != build->esp32.chip->number) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for the %s, not for the %s", path,
                         esp32_chip(image->chip)->title, build->esp32.chip->title);
    }
    return TOOL_OK;
}

/// With Secure Boot the boot loader starts what its owner has signed, and nothing else.
static int check_secure_boot(const struct image_build *build, const struct esp32_image *installer) {
    const struct image_options *options = &build->options;
    const struct esp32_flash *stock = build->esp32.stock;
    for (uint32_t at = 0; stock != NULL && at < build->esp32.chip->bootloader; at++) {
        if (stock->bytes[at] != 0xff) {
            return tool_fail(
                options->json, ONESLOT_ERROR_NONE,
                "below its boot loader, at 0x%x, this flash holds the digest of Secure Boot v1, which is not "
                "served",
                at);
        }
    }
    if (is_signed(&build->esp32.bootloader) && !is_signed(installer)) {
        return tool_fail(
            options->json, ONESLOT_ERROR_NONE,
            "its boot loader is signed for Secure Boot v2: it would not start an installer that its owner "
            "has not signed. Sign build/%s/installer.bin with 'espsecure.py sign_data --version 2' and give "
            "it with --installer",
            build->esp32.chip->name);
    }
    return TOOL_OK;
}

static int check(struct image_build *build) {
    const struct image_options *options = &build->options;
    const struct esp32_flash *holder = NULL;
    struct esp32_image installer = {.size = 0};
    int status = check_options(build);
    if (status == TOOL_OK && options->dump != NULL) {
        status = read_dump(build);
    }
    status = status == TOOL_OK ? read_firmware(build, &holder) : status;
    status = status == TOOL_OK ? take_application(build, holder) : status;
    status = status == TOOL_OK ? check_chip(build) : status;
    status = status == TOOL_OK ? read_bootloader(build) : status;
    status = status == TOOL_OK ? load_installer(build, &installer) : status;
    return status == TOOL_OK ? check_secure_boot(build, &installer) : status;
}

/// Places.

/// A table of the user's own.
static int load_map(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct flash_map_hints hints = {.chip = flash_map_chip_parse(build->esp32.chip->name),
                                    .flash_size = options->flash_size};
    char reason[FLASH_MAP_TEXT];
    struct flash_map map;
    if (!flash_map_load(&map, options->map, &hints, reason)) {
        return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s", reason);
    }
    build->plan.map = map.map;
    bool other = map.chip == FLASH_MAP_ESP8266;
    flash_map_free(&map);
    if (other || !esp32_table_is_ours(&build->plan.map)) {
        return tool_fail(
            options->json, ONESLOT_ERROR_MAP_INVALID,
            "%s: a table for Oneslot on the %s has one OTA slot (app, ota_0), the installer (app, factory), "
            "otadata (data, ota), and journal and settings (oneslot, journal; oneslot, map)",
            options->map, build->esp32.chip->title);
    }
    return TOOL_OK;
}

/// A table for an application that came without one: half of the flash for the file system, which must hold the next
/// application; from 4 MiB on from where MicroPython and others have theirs.
static int plan_map(struct image_build *build) {
    const struct image_options *options = &build->options;
    uint32_t half = options->flash_size / 2;
    struct flash_map_wishes wishes = {.chip = flash_map_chip_parse(build->esp32.chip->name),
                                      .flash_size = options->flash_size,
                                      .firmware = build->firmware.image.size,
                                      .file_system_at = half < FILES_AT ? half : FILES_AT,
                                      .file_system_end = options->flash_size,
                                      .oneslot = true};
    struct flash_map map;
    struct flash_map_finding refusal;
    if (!flash_map_plan(&map, &wishes, &refusal)) {
        wishes.file_system_at = wishes.file_system_end = 0;
        if (!flash_map_plan(&map, &wishes, &refusal)) {
            return tool_fail(options->json, ONESLOT_ERROR_IMAGE_TOO_LARGE, "%s", refusal.text);
        }
    }
    build->plan.map = map.map;
    return TOOL_OK;
}

/// The stock table's application partition that holds the application, or that it replaces.
static const struct oneslot_partition *application_region(const struct image_build *build) {
    struct esp32_image image;
    const struct esp32_flash *stock = build->esp32.stock;
    const struct oneslot_partition *region = esp32_flash_application(stock, &image);
    for (uint32_t index = 0; region == NULL && index < stock->map.count; index++) {
        region = stock->map.partition[index].type == ONESLOT_TYPE_APP ? &stock->map.partition[index] : NULL;
    }
    return region;
}

/// Whether the application that ran until now is a MicroPython: it has a file system of its own.
static bool ran_micropython(const struct image_build *build) {
    struct esp32_image image;
    struct firmware firmware;
    const struct oneslot_partition *region = esp32_flash_application(build->esp32.stock, &image);
    if (region == NULL) {
        return false;
    }
    firmware_read(&firmware, build->esp32.stock->bytes + region->address, image.signed_size);
    return firmware.maker == FIRMWARE_MICROPYTHON;
}

static int convert_map(struct image_build *build) {
    const struct image_options *options = &build->options;
    const char *path = build->esp32.stock == &build->esp32.dump ? options->dump : options->firmware;
    int status = check_map(build, build->esp32.stock, path);
    if (status != TOOL_OK) {
        return status;
    }
    struct esp32_table_wishes wishes = {
        .stock = build->esp32.stock,
        .application = application_region(build),
        .need = build->firmware.image.size,
        .content = build->esp32.stock == &build->esp32.dump,
        .micropython = build->firmware.maker == FIRMWARE_MICROPYTHON || ran_micropython(build),
    };
    if (wishes.application == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s: its table has no application partition", path);
    }
    return esp32_table_convert(&build->plan, &wishes)
               ? TOOL_OK
               : tool_fail(options->json, build->plan.error, "%s: %s", path, build->plan.reason);
}

/// A partition of the old table that lies elsewhere in a table of the user's own keeps its bytes where they were.
static void warn_of_moves(struct image_build *build) {
    const struct esp32_flash *stock = build->esp32.stock;
    for (uint32_t index = 0; stock != NULL && stock->map_error == ONESLOT_ERROR_NONE && index < stock->map.count;
         index++) {
        const struct oneslot_partition *old = &stock->map.partition[index];
        const struct oneslot_partition *new = oneslot_map_find(&build->plan.map, old->label);
        if (old->type == ONESLOT_TYPE_DATA && new != NULL &&new->address != old->address) {
            plan_warn(
                &build->plan,
                "'%s' lies at 0x%x in the new table and lay at 0x%x: what it held is not taken along ('oneslot map "
                "move' can)",
                old->label, new->address, old->address);
        }
    }
}

static int check_fit(const struct image_build *build) {
    const struct oneslot_partition *slot =
        esp32_table_find(&build->plan.map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0);
    const struct oneslot_partition *factory =
        esp32_table_find(&build->plan.map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY);
    if (build->firmware.image.size > slot->size) {
        return tool_fail(build->options.json, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                         "the application has %u bytes, its partition '%s' %u", build->firmware.image.size, slot->label,
                         slot->size);
    }
    if (build->installer.size > factory->size) {
        return tool_fail(build->options.json, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                         "the installer has %u bytes, its partition '%s' %u", build->installer.size, factory->label,
                         factory->size);
    }
    return TOOL_OK;
}

static int plan(struct image_build *build) {
    const struct image_options *options = &build->options;
    const struct esp32_flash *stock = build->esp32.stock;
    build->plan.flash_size = options->flash_size;
    if (options->flash_size < MEGABYTE || (options->flash_size & (options->flash_size - 1)) != 0) {
        return tool_usage("image", "the ESP32 family's flash has 1, 2, 4, 8 or 16 MiB");
    }
    if (stock != NULL && stock->base + stock->file_size > options->flash_size) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_TOO_LARGE, "%s holds %u bytes: more than a flash of %u",
                         options->firmware, stock->file_size, options->flash_size);
    }
    int status = options->map != NULL ? load_map(build) : stock != NULL ? convert_map(build) : plan_map(build);
    status = status == TOOL_OK ? check_fit(build) : status;
    if (status != TOOL_OK) {
        return status;
    }
    if (options->map != NULL) {
        warn_of_moves(build);
    }
    build->plan.file_system = oneslot_map_file_system(&build->plan.map);
    build->plan.file_system_kind = &file_system_micropython;
    if (build->plan.file_system == NULL) {
        plan_warn(&build->plan, "the table has no file system that could hold a firmware: Oneslot can install from raw "
                                "partitions only ('@label')");
    }
    return TOOL_OK;
}

/// The image.

static void erase(struct image_build *build, uint32_t address, uint32_t size) {
    memset(build->bytes + address, 0xff, size);
}

/// The boot loader as it is, but for the size of the flash where its header tells of another one.
static int put_bootloader(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct esp32_image *image = &build->esp32.bootloader;
    uint32_t size;
    char named[24];
    const uint8_t *from = bootloader_bytes(build, &size);
    uint8_t *bytes = build->bytes + build->esp32.chip->bootloader;
    if (options->bootloader != NULL) {
        erase(build, build->esp32.chip->bootloader, ONESLOT_TABLE_ADDRESS - build->esp32.chip->bootloader);
        memcpy(bytes, from, size);
    }
    if (esp32_flash_size(bytes) == options->flash_size) {
        return TOOL_OK;
    }
    if (is_signed(image)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE,
                         "the boot loader's header tells of %s of flash, and it is signed: it cannot be changed",
                         size_text(esp32_flash_size(bytes), named));
    }
    build->esp32.size_changed = true;
    if (!esp32_set_flash_size(bytes, image, options->flash_size)) {
        return tool_usage("image", "the ESP32 family's flash has 1, 2, 4, 8 or 16 MiB");
    }
    plan_warn(&build->plan, "the boot loader's header told of another size of flash: it tells of %s now%s",
              size_text(options->flash_size, named), image->digest ? ", and its SHA-256 is of that" : "");
    return TOOL_OK;
}

/// What was made is looked at with the eyes of the device and of `oneslot map check`.
static int check_result(struct image_build *build) {
    static struct flash_map_finding findings[FLASH_MAP_FINDINGS];
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    const struct image_options *options = &build->options;
    struct oneslot_flash flash;
    ram_flash_init(&flash, build->bytes, build->plan.flash_size);
    enum oneslot_error error = oneslot_layout_from_table(&flash, &build->plan.layout, working);
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(options->json, error, "the new partition table: %s", oneslot_error_text(error));
    }
    struct flash_map map = {.chip = flash_map_chip_parse(build->esp32.chip->name),
                            .flash_size = build->plan.flash_size,
                            .origin = FLASH_MAP_PLANNED,
                            .map = build->plan.map};
    size_t count = flash_map_check(&map, findings);
    for (size_t index = 0; index < count; index++) {
        if (findings[index].weight == FLASH_MAP_ERROR) {
            return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "the new partition table: %s (rule %s)",
                             findings[index].text, findings[index].rule);
        }
    }
    return TOOL_OK;
}

/// A file system that is no littlefs is its owner's to keep or to replace.
static void look_at_files(struct image_build *build) {
    const struct oneslot_partition *region = build->plan.file_system;
    struct file_system fs;
    if (region == NULL || build->options.fs != NULL || build->options.fs_image != NULL) {
        return;
    }
    uint8_t *bytes = build->bytes + region->address;
    bool empty = true;
    for (uint32_t index = 0; empty && index < region->size; index++) {
        empty = bytes[index] == 0xff;
    }
    if (empty) {
        return;
    }
    if (file_system_mount(&fs, bytes, region->size) == ONESLOT_ERROR_NONE) {
        file_system_unmount(&fs);
        return;
    }
    plan_warn(&build->plan, "'%s' holds no littlefs: Oneslot cannot install from it until it is one", region->label);
}

static int put(struct image_build *build) {
    const struct esp32_flash *stock = build->esp32.stock;
    uint8_t *bytes = build->bytes;
    if (stock != NULL) {
        memcpy(bytes, stock->bytes, stock->size < build->plan.flash_size ? stock->size : build->plan.flash_size);
    }
    int status = put_bootloader(build);
    if (status != TOOL_OK) {
        return status;
    }
    erase(build, ONESLOT_TABLE_ADDRESS, ONESLOT_SECTOR_SIZE);
    oneslot_map_write(&build->plan.map, bytes + ONESLOT_TABLE_ADDRESS);
    status = check_result(build);
    if (status != TOOL_OK) {
        return status;
    }
    const struct oneslot_layout *layout = &build->plan.layout;
    const struct oneslot_partition *installer =
        esp32_table_find(&build->plan.map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY);
    erase(build, layout->application, layout->firmware - layout->application);
    erase(build, installer->address, installer->size);
    erase(build, layout->journal, ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE);
    erase(build, layout->settings, ONESLOT_SECTOR_SIZE);
    memcpy(bytes + layout->application, build->firmware.bytes, build->firmware.image.size);
    memcpy(bytes + layout->installer, build->installer.bytes, build->installer.size);
    struct oneslot_flash flash;
    ram_flash_init(&flash, bytes, build->plan.flash_size);
    enum oneslot_error error = oneslot_otadata_write(&flash, layout->otadata, ONESLOT_OTA_UNDEFINED);
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(build->options.json, error, "%s", oneslot_error_text(error));
    }
    look_at_files(build);
    return TOOL_OK;
}

static void command(const struct image_build *build, char *text, size_t room) {
    char name[IMAGE_NAME_ROOM];
    snprintf(text, room,
             "esptool --chip %s --port PORT --baud 460800 write-flash --flash-mode keep --flash-freq keep --flash-size "
             "keep 0 %s",
             build->esp32.chip->name, image_name_for_shell(build->options.output, name));
}

const struct image_family image_esp32 = {
    .check = check,
    .plan = plan,
    .put = put,
    .command = command,
    .advice = "It holds the whole flash: nothing else need be erased or written.",
};
