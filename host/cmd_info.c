/*
 * oneslot info: what a firmware file or a flash dump is.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/superblock.h"
#include "host/file.h"
#include "host/file_system.h"
#include "host/firmware.h"
#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/info.h"
#include "host/json.h"
#include "host/map_csv.h"
#include "host/pack/package_file.h"
#include "host/pack/version_text.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "host/state.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot info: say what a file is: a firmware image, a package, a flash image or a dump of one\n"
    "\n"
    "usage: oneslot info FILE [--json]\n"
    "       oneslot info FLASH.bin --csv      its flash map, as 'oneslot image --map' takes it\n"
    "\n"
    "Of a firmware: kind, version, segments, flash mode, what proves it whole and whether that holds.\n"
    "Of a package: version, what it holds, what it may be installed on, digest, key.\n"
    "Of a flash: layout, flash map, keys, journal, how the last upgrade ended, file system. Of one of a "
    "device\n"
    "without Oneslot its map, files and firmware; of the ESP32 family, and of its combined files, boot loader, "
    "partition\n"
    "table, otadata, applications.\n"
    "Exit status 1: the file is nothing that is known, or its proof does not hold.\n"
    "\n"
    "examples:\n"
    "  oneslot info ESP8266_GENERIC-v1.24.0.bin\n"
    "  oneslot info flash.bin --json\n";

/// Firmware images.

static bool is_firmware(const struct firmware *firmware) {
    return firmware->image.kind != ONESLOT_IMAGE_NONE;
}

static int show_firmware(const char *path, const struct firmware *firmware, bool as_json) {
    bool whole = firmware->error == ONESLOT_ERROR_NONE;
    // A boot loader of the ESP32 family is known for what it is.
    bool fine = whole || (firmware->image.kind == ONESLOT_IMAGE_ESP32 && firmware->error == ONESLOT_ERROR_IMAGE_CHIP);
    if (as_json) {
        struct json json;
        tool_json_begin(&json, stdout, fine ? NULL : oneslot_error_name(firmware->error),
                        oneslot_error_text(firmware->error));
        json_string(&json, "type", "firmware");
        info_firmware_json(&json, firmware);
        info_claims_json(&json, firmware, 0, 0);
        tool_json_end(&json);
    } else {
        info_firmware_text(firmware);
        info_claims_text(firmware, 0, 0);
    }
    if (firmware->error == ONESLOT_ERROR_IMAGE_LENGTH) {
        return tool_fail(false, firmware->error, "%s: %s: %u and %u bytes", path, oneslot_error_text(firmware->error),
                         firmware->size, firmware->image.size);
    }
    return fine ? TOOL_OK : tool_fail(false, firmware->error, "%s: %s", path, oneslot_error_text(firmware->error));
}

/// Flash images.

static bool decode_slot(const struct flash_file *file, uint32_t slot, struct oneslot_record *record, bool *sealed) {
    const uint8_t *bytes = file->bytes + oneslot_slot_address(file->layout.journal, slot);
    memcpy(record, bytes, sizeof *record);
    *sealed = true;
    for (uint32_t index = 0; index < ONESLOT_SEAL_SIZE; index++) {
        *sealed = *sealed && bytes[ONESLOT_SEAL_OFFSET + index] == 0;
    }
    return record->magic == ONESLOT_RECORD_MAGIC && record->version == ONESLOT_RECORD_VERSION &&
           record->crc == oneslot_crc32(0, record, offsetof(struct oneslot_record, crc));
}

static bool slot_erased(const struct flash_file *file, uint32_t slot) {
    const uint8_t *bytes = file->bytes + oneslot_slot_address(file->layout.journal, slot);
    for (uint32_t index = 0; index < ONESLOT_SLOT_SIZE; index++) {
        if (bytes[index] != 0xff) {
            return false;
        }
    }
    return true;
}

static void copy_path(char text[ONESLOT_PATH_MAX + 1], const char *path) {
    memcpy(text, path, ONESLOT_PATH_MAX);
    text[ONESLOT_PATH_MAX] = 0;
}

static void journal_json(struct json *json, const struct flash_file *file) {
    json_array(json, "journal");
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        struct oneslot_record record;
        bool sealed;
        char path[ONESLOT_PATH_MAX + 1];
        bool whole = decode_slot(file, slot, &record, &sealed);
        json_object(json, NULL);
        json_number(json, "slot", slot);
        json_string(json, "holds", whole ? "record" : slot_erased(file, slot) ? "nothing" : "damage");
        if (whole) {
            copy_path(path, record.path);
            json_number(json, "sequence", record.sequence);
            json_string(json, "state", state_name(record.state));
            json_string(json, "outcome", oneslot_error_name(record.outcome));
            json_string(json, "path", path);
            json_bool(json, "sealed", sealed);
        }
        json_object_end(json);
    }
    json_array_end(json);
}

static void journal_text(const struct flash_file *file) {
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        struct oneslot_record record;
        bool sealed;
        char path[ONESLOT_PATH_MAX + 1];
        if (decode_slot(file, slot, &record, &sealed)) {
            copy_path(path, record.path);
            printf("  journal   slot %u: record %u, %s%s%s%s\n", slot, record.sequence, state_name(record.state),
                   path[0] != 0 ? " " : "", path, sealed ? "" : ", not sealed");
        } else if (!slot_erased(file, slot)) {
            printf("  journal   slot %u: damaged\n", slot);
        }
    }
}

/// The firmware as it lies in a flash: its first sector put back in front, as long as the journal says it is.
static bool installed_firmware(const struct flash_file *file, const struct oneslot_record *record, uint8_t **bytes,
                               uint32_t *size) {
    uint32_t room = file->layout.firmware;
    uint32_t target = file->idf                                       ? file->layout.application
                      : record->installed_kind == ONESLOT_IMAGE_USER1 ? ONESLOT_SECTOR_SIZE
                                                                      : 0;
    if (record->installed_size == 0 || record->installed_size > room - target) {
        return false;
    }
    uint8_t *copy = malloc(record->installed_size);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, file->bytes + target, record->installed_size);
    if (target == 0) {
        uint32_t head = record->installed_size < ONESLOT_SECTOR_SIZE ? record->installed_size : ONESLOT_SECTOR_SIZE;
        memcpy(copy, file->bytes + file->layout.displaced, head);
        for (uint32_t index = 0; index < 4 && index < head; index++) {
            copy[index] = (uint8_t)(record->installed_header >> (8 * index));
        }
    }
    *bytes = copy;
    *size = record->installed_size;
    return true;
}

/// All that is found in a flash, beyond what flash_file holds.
struct flash_facts {
    struct oneslot_record record;
    bool journal_read;
    struct oneslot_config config;
    enum oneslot_error config_error;
    struct oneslot_trust_block trust;
    enum oneslot_error trust_error;
    enum oneslot_error map_error;
    struct firmware firmware; ///< size 0: not known
    bool as_installed;        ///< the flash holds what the journal says
    struct info_files files;
    const struct oneslot_partition *region;
    uint8_t *installed;
};

static void look_at_flash(struct flash_file *file, struct flash_facts *facts) {
    _Alignas(4) uint8_t table[ONESLOT_MAP_BYTES];
    struct oneslot_journal journal = {.flash = &file->flash, .address = file->layout.journal};
    uint32_t size;
    memset(facts, 0, sizeof *facts);
    facts->map_error = oneslot_map_read(&file->map, &file->flash, file->layout.map, table);
    facts->config_error = oneslot_config_read(&file->flash, &file->layout, &facts->config);
    facts->trust_error = oneslot_trust_read(&file->flash, &file->layout, &facts->trust);
    facts->journal_read = oneslot_journal_load(&journal, &facts->record, NULL) == ONESLOT_ERROR_NONE;
    if (facts->journal_read && installed_firmware(file, &facts->record, &facts->installed, &size)) {
        firmware_read(&facts->firmware, facts->installed, size);
        facts->as_installed = facts->firmware.error == ONESLOT_ERROR_NONE &&
                              memcmp(facts->firmware.image.sha256, facts->record.installed, 32) == 0;
    }
    if (facts->map_error == ONESLOT_ERROR_NONE) {
        facts->region = oneslot_map_file_system(&file->map);
    }
    if (facts->region != NULL) {
        info_look_at_files(&facts->files, file->bytes + facts->region->address, facts->region->size);
    }
}

static bool read_status(const struct flash_file *file, struct oneslot_status *status) {
    struct oneslot oneslot;
    return flash_file_open_oneslot(file, &oneslot) == ONESLOT_ERROR_NONE &&
           oneslot_status(&oneslot, status) == ONESLOT_ERROR_NONE;
}

static void trust_json(struct json *json, const struct flash_facts *facts) {
    char board[ONESLOT_BOARD_MAX + 1] = {0};
    uint8_t hash[32];
    memcpy(board, facts->trust.board, sizeof facts->trust.board);
    json_string(json, "trust_error",
                facts->trust_error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(facts->trust_error));
    json_array(json, "keys");
    for (uint32_t index = 0; index < facts->trust.count; index++) {
        oneslot_key_hash(hash, &facts->trust.key[index]);
        json_hex(json, NULL, hash, sizeof hash);
    }
    json_array_end(json);
    json_string(json, "board", board[0] != 0 ? board : NULL);
}

static void versions_json(struct json *json, const struct oneslot_record *record) {
    static const uint8_t NONE[ONESLOT_VERSION_SIZE] = {0};
    struct oneslot_version version;
    char text[VERSION_TEXT];
    oneslot_version_decode(&version, record->installed_version);
    json_string(json, "version",
                memcmp(record->installed_version, NONE, sizeof NONE) != 0 ? version_text(&version, text) : NULL);
    oneslot_version_decode(&version, record->floor);
    json_string(json, "floor", memcmp(record->floor, NONE, sizeof NONE) != 0 ? version_text(&version, text) : NULL);
}

static void trust_text(const struct flash_facts *facts) {
    static const uint8_t NONE[ONESLOT_VERSION_SIZE] = {0};
    struct oneslot_version version;
    char text[VERSION_TEXT];
    if (facts->trust_error != ONESLOT_ERROR_NONE) {
        printf("  keys      %s\n", oneslot_error_text(facts->trust_error));
    }
    for (uint32_t index = 0; index < facts->trust.count; index++) {
        uint8_t hash[32];
        oneslot_key_hash(hash, &facts->trust.key[index]);
        printf("  key       ");
        for (size_t byte = 0; byte < sizeof hash; byte++) {
            printf("%02x", hash[byte]);
        }
        putchar('\n');
    }
    if (facts->trust.board[0] != 0) {
        printf("  board     %.*s\n", (int)sizeof facts->trust.board, facts->trust.board);
    }
    oneslot_version_decode(&version, facts->record.installed_version);
    if (memcmp(facts->record.installed_version, NONE, sizeof NONE) != 0) {
        printf("  version   %s\n", version_text(&version, text));
    }
    oneslot_version_decode(&version, facts->record.floor);
    if (memcmp(facts->record.floor, NONE, sizeof NONE) != 0) {
        printf("  floor     %s: no lower version is installed\n", version_text(&version, text));
    }
}

/// The size of flash that the header at flash 0 tells the firmware; 0 = none that is known.
static uint32_t told_size(const struct flash_file *file) {
    uint32_t told;
    flash_size_name(file->bytes[3] >> 4, &told);
    return told;
}

static void flash_json(const struct flash_file *file, const struct flash_facts *facts) {
    struct json json;
    struct oneslot_status status;
    char watch[ONESLOT_PATH_MAX + 1];
    tool_json_begin(&json, stdout, tool_json_error(facts->map_error), oneslot_error_text(facts->map_error));
    json_string(&json, "type", "flash");
    json_number(&json, "size", file->size);
    json_object(&json, "layout");
    json_number(&json, "version", file->layout.version);
    json_number(&json, "flash_size", file->layout.flash_size);
    if (file->idf) {
        json_number(&json, "application", file->layout.application);
        json_number(&json, "otadata", file->layout.otadata);
        json_number(&json, "settings", file->layout.settings);
    } else {
        json_number(&json, "displaced", file->layout.displaced);
    }
    json_number(&json, "journal", file->layout.journal);
    json_number(&json, "map", file->layout.map);
    json_number(&json, "installer", file->layout.installer);
    json_number(&json, "firmware", file->layout.firmware);
    json_object_end(&json);
    if (file->idf) {
        info_esp32_json(&json, file);
    } else {
        json_string(&json, "chip", "ESP8266");
        json_string(&json, "flash_mode", flash_mode_name(file->bytes[2]));
        json_string(&json, "flash_size", flash_size_name(file->bytes[3] >> 4, NULL));
    }
    if (facts->map_error == ONESLOT_ERROR_NONE) {
        info_map_json(&json, &file->map);
    }
    copy_path(watch, facts->config.watch);
    json_string(&json, "watch", facts->config_error == ONESLOT_ERROR_NONE && watch[0] != 0 ? watch : NULL);
    trust_json(&json, facts);
    versions_json(&json, &facts->record);
    journal_json(&json, file);
    if (read_status(file, &status)) {
        json_object(&json, "status");
        state_json(&json, &status);
        json_object_end(&json);
    }
    if (facts->firmware.size != 0) {
        json_object(&json, "firmware");
        info_firmware_json(&json, &facts->firmware);
        info_claims_json(&json, &facts->firmware, file->layout.flash_size, told_size(file));
        json_bool(&json, "as_installed", facts->as_installed);
        json_object_end(&json);
    }
    if (facts->region != NULL) {
        info_files_json(&json, &facts->files);
    }
    tool_json_end(&json);
}

static void flash_text(const struct flash_file *file, const struct flash_facts *facts) {
    struct oneslot_status status;
    char size[24];
    char watch[ONESLOT_PATH_MAX + 1];
    if (file->idf) {
        printf("%sflash with Oneslot%s, ESP32 family, %s\n", tool_colour(stdout, 1), tool_colour(stdout, 0),
               size_text(file->layout.flash_size, size));
        info_esp32_text(file);
    } else {
        printf("%sflash with Oneslot%s, %s, %s\n", tool_colour(stdout, 1), tool_colour(stdout, 0),
               size_text(file->layout.flash_size, size),
               flash_mode_name(file->bytes[2]) != NULL ? flash_mode_name(file->bytes[2]) : "unknown mode");
    }
    if (facts->map_error == ONESLOT_ERROR_NONE) {
        info_map_text(&file->map);
    } else {
        printf("  map       %s\n", oneslot_error_text(facts->map_error));
    }
    copy_path(watch, facts->config.watch);
    if (facts->config_error != ONESLOT_ERROR_NONE) {
        printf("  watch     %s\n", oneslot_error_text(facts->config_error));
    } else if (watch[0] != 0) {
        printf("  watch     %s\n", watch);
    }
    trust_text(facts);
    journal_text(file);
    if (read_status(file, &status)) {
        char text[256];
        oneslot_status_text(&status, text, sizeof text);
        printf("  status    %s\n", text);
    }
    if (facts->region != NULL) {
        info_files_text(&facts->files);
    }
    if (facts->firmware.size != 0) {
        printf("  firmware  %s\n", facts->as_installed ? "as the journal says:" : "NOT as the journal says:");
        if (is_firmware(&facts->firmware)) {
            info_firmware_text(&facts->firmware);
            info_claims_text(&facts->firmware, file->layout.flash_size, told_size(file));
        }
    }
}

static int show_flash(struct flash_file *file, bool as_json, bool csv) {
    struct flash_facts *facts = malloc(sizeof *facts);
    if (facts == NULL) {
        return tool_fail(as_json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    look_at_flash(file, facts);
    enum oneslot_error error = facts->map_error;
    if (csv && error == ONESLOT_ERROR_NONE) {
        map_csv_write(&file->map, stdout);
    } else if (as_json) {
        flash_json(file, facts);
    } else if (!csv) {
        flash_text(file, facts);
    }
    free(facts->installed);
    free(facts);
    return error == ONESLOT_ERROR_NONE ? TOOL_OK
                                       : tool_fail(false, error, "%s: %s", file->path, oneslot_error_text(error));
}

/// A flash image has its layout in the loader's sector; one of another size than its layout says is told so.
static bool load_flash(struct flash_file *file) {
    if (file->size < ONESLOT_SECTOR_SIZE || file->size % ONESLOT_SECTOR_SIZE != 0) {
        return false;
    }
    return flash_file_find_layout(file) == ONESLOT_ERROR_NONE;
}

static int show_file_system(struct flash_file *file, bool as_json) {
    struct info_files facts;
    info_look_at_files(&facts, file->bytes, file->size);
    if (as_json) {
        struct json json;
        tool_json_begin(&json, stdout, tool_json_error(facts.error), oneslot_error_text(facts.error));
        json_string(&json, "type", "file system");
        info_files_json(&json, &facts);
        tool_json_end(&json);
    } else {
        puts("littlefs file system");
        info_files_text(&facts);
    }
    return facts.error == ONESLOT_ERROR_NONE ? TOOL_OK : TOOL_FAILED;
}

static bool is_file_system(const struct flash_file *file) {
    struct oneslot_flash flash;
    struct oneslot_partition whole = {.size = file->size};
    struct oneslot_superblock superblock;
    ram_flash_init(&flash, file->bytes, file->size);
    return file->size >= 2 * 512 && oneslot_superblock_find(&flash, &whole, &superblock) == ONESLOT_ERROR_NONE;
}

static int show(struct flash_file *file, bool as_json, bool csv) {
    if (load_flash(file)) {
        if (file->layout.flash_size == file->size) {
            return show_flash(file, as_json, csv);
        }
        return tool_fail(as_json, ONESLOT_ERROR_NO_LAYOUT,
                         "%s begins like a flash with Oneslot of %u bytes, but has %u: a part of a dump", file->path,
                         file->layout.flash_size, file->size);
    }
    int status;
    if (info_esp32_show(file->path, file->bytes, file->size, as_json, csv, &status) ||
        info_stock_show(file->path, file->bytes, file->size, as_json, csv, &status)) {
        return status;
    }
    if (csv) {
        return tool_fail(as_json, ONESLOT_ERROR_NO_LAYOUT, "%s: %s", file->path,
                         oneslot_error_text(ONESLOT_ERROR_NO_LAYOUT));
    }
    if (package_file_begins(file->bytes, file->size)) {
        return package_show(file->path, file->bytes, file->size, as_json);
    }
    struct firmware firmware;
    firmware_read(&firmware, file->bytes, file->size);
    if (is_firmware(&firmware)) {
        return show_firmware(file->path, &firmware, as_json);
    }
    if (is_file_system(file)) {
        return show_file_system(file, as_json);
    }
    return foreign_fail(as_json, firmware.error, file->path, file->bytes, file->size);
}

int cmd_info(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"json", no_argument, NULL, 'j'},
        {"csv", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool json = false;
    bool csv = false;
    for (int option; (option = tool_option(argc, argv, ":h", OPTIONS)) != -1;) {
        switch (option) {
        case 'j':
            json = true;
            break;
        case 'c':
            csv = true;
            break;
        case 'h':
            return tool_help(HELP);
        default:
            return TOOL_USAGE;
        }
    }
    if (argc - optind != 1) {
        return tool_usage("info", argc == optind ? "the file is missing" : "one file at a time");
    }
    if (json && csv) {
        return tool_usage("info", "--json and --csv both write to standard output");
    }
    struct flash_file file = {.path = argv[optind]};
    size_t length;
    if (!file_read(file.path, FLASH_FILE_MAX, &file.bytes, &length)) {
        return errno == EFBIG
                   ? tool_fail(json, ONESLOT_ERROR_IMAGE_UNKNOWN,
                               "%s is larger than the 16 MiB of flash that Oneslot serves at the most", file.path)
                   : tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", file.path, strerror(errno));
    }
    file.size = (uint32_t)length;
    int status = show(&file, json, csv);
    flash_file_close(&file);
    return status;
}
