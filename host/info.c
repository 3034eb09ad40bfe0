/*
 * What `oneslot info` says of firmware, maps and file systems, wherever they lie.
 */
#include "host/info.h"

#include <string.h>

#include "host/claims.h"
#include "host/esp32.h"
#include "host/map/implied.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "host/tool.h"

/// What an application of the ESP32 family says of itself.
static void description_json(struct json *json, const struct firmware *firmware) {
    struct esp32_image image;
    esp32_image_read(&image, firmware->bytes, firmware->size);
    json_string(json, "chip", firmware_esp32_chip(firmware->bytes, firmware->size));
    json_number(json, "revision_min", firmware->image.revision_min);
    if (!image.described) {
        return;
    }
    const struct esp32_description *description = &image.description;
    json_object(json, "description");
    json_string(json, "version", description->version);
    json_string(json, "project", description->project);
    json_string(json, "idf", description->idf);
    json_string(json, "date", description->date);
    json_string(json, "time", description->time);
    json_number(json, "secure_version", description->secure_version);
    json_object_end(json);
    json_bool(json, "signed", image.signed_size != image.size);
}

static void description_text(const struct firmware *firmware) {
    struct esp32_image image;
    esp32_image_read(&image, firmware->bytes, firmware->size);
    printf("  chip      %s", firmware_esp32_chip(firmware->bytes, firmware->size));
    if (firmware->image.revision_min != 0) {
        printf(", revision %d.%d or later", firmware->image.revision_min / 100, firmware->image.revision_min % 100);
    }
    putchar('\n');
    if (!image.described) {
        return;
    }
    const struct esp32_description *description = &image.description;
    printf("  describes itself as %s%s%s, ESP-IDF %s, %s %s\n",
           description->project[0] != 0 ? description->project : "a project without a name",
           description->version[0] != 0 ? " " : "", description->version, description->idf, description->date,
           description->time);
    if (description->secure_version != 0) {
        printf("  anti-rollback version %u\n", description->secure_version);
    }
    if (image.signed_size != image.size) {
        puts("  signed    for Secure Boot v2");
    }
}

void info_firmware_json(struct json *json, const struct firmware *firmware) {
    const struct oneslot_image *image = &firmware->image;
    uint8_t mode;
    uint8_t size;
    firmware_flash_header(firmware, &mode, &size);
    json_string(json, "kind", oneslot_image_kind_text(image->kind));
    json_string(json, "maker", firmware_maker_text(firmware->maker));
    json_string(json, "version", firmware->version);
    json_string(json, "sdk", firmware->sdk);
    if (image->kind == ONESLOT_IMAGE_ESP32) {
        description_json(json, firmware);
        if (firmware->error == ONESLOT_ERROR_IMAGE_CHIP) {
            return;
        }
    } else {
        json_string(json, "chip", "ESP8266");
    }
    json_number(json, "size", image->size);
    json_number(json, "target", image->target);
    json_number(json, "entry", image->entry);
    json_string(json, "flash_mode", flash_mode_name(mode));
    if (image->kind != ONESLOT_IMAGE_ESP32) {
        json_string(json, "flash_size", flash_size_name(size >> 4, NULL));
        json_string(json, "flash_clock", flash_clock_name(size & 0x0f));
    }
    json_array(json, "segments");
    for (unsigned index = 0; index < image->segment_count; index++) {
        json_object(json, NULL);
        json_number(json, "address", image->segment[index].address);
        json_number(json, "offset", image->segment[index].offset);
        json_number(json, "length", image->segment[index].length);
        json_object_end(json);
    }
    json_array_end(json);
    json_string(json, "proof", oneslot_proof_text(image->proofs));
    json_bool(json, "proven", (image->proofs & ONESLOT_PROOF_WHOLE) != 0 && firmware->error == ONESLOT_ERROR_NONE);
    if (firmware->error == ONESLOT_ERROR_NONE) {
        json_hex(json, "sha256", image->sha256, sizeof image->sha256);
    }
}

static void print_segments(const struct oneslot_image *image) {
    for (unsigned index = 0; index < image->segment_count; index++) {
        const struct oneslot_segment *segment = &image->segment[index];
        if (segment->address == 0) {
            // The ESP32 family's boot loader does nothing with it; in a user1 it is the code.
            printf("  segment   %u bytes at file offset 0x%x, %s\n", segment->length, segment->offset,
                   image->kind == ONESLOT_IMAGE_ESP32 ? "padding" : "run in place");
        } else {
            printf("  segment   %u bytes at file offset 0x%x, to 0x%08x\n", segment->length, segment->offset,
                   segment->address);
        }
    }
}

void info_firmware_text(const struct firmware *firmware) {
    const struct oneslot_image *image = &firmware->image;
    printf("%s%s%s%s%s%s%s\n", tool_colour(stdout, 1), oneslot_image_kind_text(image->kind), tool_colour(stdout, 0),
           firmware->maker != FIRMWARE_UNKNOWN ? ", " : "", firmware_maker_text(firmware->maker),
           firmware->version[0] != 0 ? " " : "", firmware->version);
    if (image->kind == ONESLOT_IMAGE_ESP32) {
        description_text(firmware);
        if (firmware->error == ONESLOT_ERROR_IMAGE_CHIP) {
            puts("  no application: a boot loader, or one from before ESP-IDF 3.2, without a descriptor");
            return;
        }
    }
    uint8_t mode;
    uint8_t size;
    firmware_flash_header(firmware, &mode, &size);
    const char *mode_name = flash_mode_name(mode);
    if (image->kind == ONESLOT_IMAGE_ESP32) {
        printf("  size      %u bytes, for an application partition\n", image->size);
    } else {
        printf("  size      %u bytes, for flash 0x%x\n", image->size, image->target);
    }
    printf("  entry     0x%08x\n", image->entry);
    if (image->kind != ONESLOT_IMAGE_ESP32) {
        printf("  flash     %s, %s, %s\n", mode_name != NULL ? mode_name : "unknown mode",
               flash_size_name(size >> 4, NULL), flash_clock_name(size & 0x0f));
    }
    if (firmware->sdk[0] != 0 && image->kind != ONESLOT_IMAGE_ESP32) {
        printf("  SDK       %s\n", firmware->sdk);
    }
    print_segments(image);
    if (firmware->error == ONESLOT_ERROR_NONE) {
        printf("  proof     %s%s\n", oneslot_proof_text(image->proofs),
               image->proofs != 0
                   ? (image->proofs & ONESLOT_PROOF_WHOLE) != 0 ? ": holds" : ": holds, but does not cover every byte"
                   : "");
        printf("  SHA-256   ");
        for (size_t index = 0; index < sizeof image->sha256; index++) {
            printf("%02x", image->sha256[index]);
        }
        putchar('\n');
    }
}

/// Of a file, on the smallest chip that it is for, unless its header tells of a larger one.
static struct claims_chip chip_of(const struct firmware *firmware, uint32_t flash_size, uint32_t told) {
    struct claims_chip chip = {.flash_size = flash_size, .told = told};
    uint8_t mode;
    uint8_t header;
    uint32_t named;
    firmware_flash_header(firmware, &mode, &header);
    flash_size_name(header >> 4, &named);
    chip.nibble = header >> 4;
    if (chip.told == 0) {
        uint32_t least = flash_map_least_flash(firmware);
        chip.told = named > least ? named : least;
    }
    chip.flash_size = chip.flash_size != 0 ? chip.flash_size : chip.told;
    return chip;
}

static bool find_claims(struct claims *claims, const struct firmware *firmware, uint32_t flash_size, uint32_t told,
                        struct claims_chip *chip) {
    *chip = (struct claims_chip){0};
    *claims = (struct claims){0};
    if (firmware->image.kind != ONESLOT_IMAGE_ESP32) {
        *chip = chip_of(firmware, flash_size, told);
        claims_of(claims, firmware, chip);
    }
    return claims->count > 0;
}

void info_claims_json(struct json *json, const struct firmware *firmware, uint32_t flash_size, uint32_t told) {
    struct claims claims;
    struct claims_chip chip;
    find_claims(&claims, firmware, flash_size, told, &chip);
    json_array(json, "claims");
    for (uint32_t index = 0; index < claims.count; index++) {
        const struct claim *claim = &claims.claim[index];
        json_object(json, NULL);
        json_string(json, "kind", claim_kind_name(claim->kind));
        json_number(json, "address", claim->from);
        json_number(json, "size", claim->to - claim->from);
        json_string(json, "what", claim->what);
        json_string(json, "when", claim->when);
        json_bool(json, "certain", claim->certain);
        json_string(json, "source", claim->source);
        json_object_end(json);
    }
    json_array_end(json);
}

void info_claims_text(const struct firmware *firmware, uint32_t flash_size, uint32_t told) {
    struct claims claims;
    struct claims_chip chip;
    char size[24];
    if (!find_claims(&claims, firmware, flash_size, told, &chip)) {
        return;
    }
    printf("  claims    on a chip whose header tells of %s:\n", size_text(chip.told, size));
    for (uint32_t index = 0; index < claims.count; index++) {
        const struct claim *claim = &claims.claim[index];
        printf("    0x%06x - 0x%06x  %s%s; %s\n", claim->from, claim->to, claim->what,
               claim->certain ? "" : " (guessed)", claim->when);
    }
}

static int count_entry(void *context, const char *path, const struct lfs_info *info) {
    (void)path;
    uint32_t *files = context;
    *files += info->type != LFS_TYPE_DIR;
    return 0;
}

void info_look_at_files(struct info_files *facts, uint8_t *region, uint32_t size) {
    struct file_system fs;
    memset(facts, 0, sizeof *facts);
    facts->error = file_system_mount(&fs, region, size);
    if (facts->error != ONESLOT_ERROR_NONE) {
        return;
    }
    facts->version = fs.version;
    facts->block_size = fs.config.block_size;
    facts->block_count = fs.config.block_count;
    facts->available = file_system_free(&fs);
    if (file_system_walk(&fs, "/", count_entry, &facts->files) != 0) {
        facts->error = ONESLOT_ERROR_FS_CORRUPT;
    }
    file_system_unmount(&fs);
}

void info_files_json(struct json *json, const struct info_files *facts) {
    json_object(json, "file_system");
    json_string(json, "error", facts->error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(facts->error));
    if (facts->error == ONESLOT_ERROR_NONE) {
        char version[16];
        snprintf(version, sizeof version, "%u.%u", facts->version >> 16, facts->version & 0xffff);
        json_string(json, "version", version);
        json_number(json, "block_size", facts->block_size);
        json_number(json, "block_count", facts->block_count);
        json_number(json, "files", facts->files);
        json_number(json, "free", facts->available);
    }
    json_object_end(json);
}

void info_files_text(const struct info_files *facts) {
    if (facts->error != ONESLOT_ERROR_NONE) {
        printf("  files     %s\n", oneslot_error_text(facts->error));
        return;
    }
    printf("  files     %u on littlefs %u.%u, %u blocks of %u bytes, %u bytes free\n", facts->files,
           facts->version >> 16, facts->version & 0xffff, facts->block_count, facts->block_size, facts->available);
}

void info_map_json(struct json *json, const struct oneslot_map *map) {
    char text[8];
    json_array(json, "map");
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        json_object(json, NULL);
        json_string(json, "name", region->label);
        json_string(json, "type", map_type_text(region->type, text));
        json_string(json, "subtype", map_subtype_text(region->type, region->subtype, text));
        json_number(json, "address", region->address);
        json_number(json, "size", region->size);
        json_object_end(json);
    }
    json_array_end(json);
}

void info_map_text(const struct oneslot_map *map) {
    for (uint32_t index = 0; index < map->count; index++) {
        map_row_print(&map->partition[index], stdout);
    }
}
