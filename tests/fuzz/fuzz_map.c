/*
 * Fuzz target: the flash map, as it lies in flash and as text. The first byte says which, and how it is read. A map
 * that is taken keeps to its chip and comes back as it was written.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "host/map_csv.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"
#include "tests/fuzz/input.h"

/// The first byte. The others pick the chip's size.
#define OPTION_TEXT       0x01u
#define OPTION_SEAL       0x02u /* the MD5 is made right */
#define OPTION_AS_WRITTEN 0x04u

#define CHIP_SIZE   (2 * ONESLOT_SECTOR_SIZE)
#define DEVICE_SIZE 0x40000u
#define REASON      256u
#define TEXT_MAX    8192u

static uint8_t chip[CHIP_SIZE];
static _Alignas(4) uint8_t buffer[ONESLOT_MAP_BYTES];

/* Binary */

static void make_md5_right(uint8_t *bytes) {
    for (uint32_t at = 0; at + 32 <= ONESLOT_MAP_BYTES; at += 32) {
        if (bytes[at] == 0xeb && bytes[at + 1] == 0xeb) {
            br_md5_context context;
            br_md5_init(&context);
            br_md5_update(&context, bytes, at);
            br_md5_out(&context, bytes + at + 16);
        }
    }
}

static void check_regions(const struct oneslot_map *map, uint32_t flash_size) {
    DEMAND(map->count >= 1 && map->count <= ONESLOT_MAP_ENTRIES);
    for (uint32_t i = 0; i < map->count; i++) {
        const struct oneslot_partition *row = &map->partition[i];
        DEMAND(row->address % 4096 == 0 && row->size > 0);
        DEMAND(row->size % 4096 == 0 || row->type == ONESLOT_TYPE_DATA);
        DEMAND((uint64_t)row->address + row->size <= flash_size);
        DEMAND(memchr(row->label, 0, sizeof row->label) != NULL);
        DEMAND(oneslot_map_find(map, row->label) == row);
        for (uint32_t j = 0; j < i; j++) {
            const struct oneslot_partition *other = &map->partition[j];
            DEMAND(row->address >= other->address + other->size || other->address >= row->address + row->size);
        }
    }
    const struct oneslot_partition *system = oneslot_map_file_system(map);
    DEMAND(!system || (system >= map->partition && system < map->partition + map->count && system->type == 1));
}

static void demand_same(const struct oneslot_map *map, const struct oneslot_map *other) {
    DEMAND(map->count == other->count);
    for (uint32_t i = 0; i < map->count; i++) {
        const struct oneslot_partition *a = &map->partition[i];
        const struct oneslot_partition *b = &other->partition[i];
        DEMAND(a->type == b->type && a->subtype == b->subtype && a->address == b->address && a->size == b->size);
        DEMAND(a->flags == b->flags && strcmp(a->label, b->label) == 0);
    }
}

/// The parts that the ESP32 family's installer reads and writes lie in the chip, apart, and behind the boot loader and
/// the table itself.
static void check_layout(const struct oneslot_layout *layout, uint32_t flash_size) {
    const uint32_t parts[][2] = {{layout->application, layout->firmware - layout->application},
                                 {layout->journal, 2 * 4096},
                                 {layout->settings, 4096},
                                 {layout->otadata, 2 * 4096},
                                 {layout->installer, 4096}};
    DEMAND(layout->application < layout->firmware && layout->map == ONESLOT_TABLE_ADDRESS);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        DEMAND(parts[i][0] % 4096 == 0 && parts[i][0] >= ONESLOT_TABLE_ADDRESS + 4096);
        DEMAND((uint64_t)parts[i][0] + parts[i][1] <= flash_size);
        for (unsigned j = 0; j < i; j++) {
            DEMAND(parts[i][0] >= parts[j][0] + parts[j][1] || parts[j][0] >= parts[i][0] + parts[i][1]);
        }
    }
}

/// The table where ESP-IDF's boot loader has it.
static void try_layout(void) {
    static uint8_t device[DEVICE_SIZE];
    static _Alignas(8) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    struct oneslot_flash flash;
    struct oneslot_layout layout;
    memset(device, 0xff, sizeof device);
    memcpy(device + ONESLOT_TABLE_ADDRESS, chip, ONESLOT_MAP_BYTES);
    input_chip(&flash, device, sizeof device);
    if (oneslot_layout_from_table(&flash, &layout, working) == ONESLOT_ERROR_NONE) {
        check_layout(&layout, sizeof device);
    }
}

static void check_binary(struct input *input, bool seal, uint32_t flash_size) {
    struct oneslot_flash flash;
    struct oneslot_map map;
    struct oneslot_map again;
    input_flash(input, chip, CHIP_SIZE);
    if (seal) {
        make_md5_right(chip);
    }
    try_layout();
    input_chip(&flash, chip, CHIP_SIZE);
    enum oneslot_error read = oneslot_map_read(&again, &flash, 0, buffer);
    if (read == ONESLOT_ERROR_NONE) {
        check_regions(&again, flash.size);
    }
    enum oneslot_error error = oneslot_map_parse(&map, chip, ONESLOT_MAP_BYTES, flash_size);
    DEMAND(error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_MAP_INVALID || error == ONESLOT_ERROR_MAP_RANGE ||
           error == ONESLOT_ERROR_MAP_OVERLAP);
    if (error != ONESLOT_ERROR_NONE) {
        DEMAND(read != ONESLOT_ERROR_NONE || flash_size < flash.size);
        return;
    }
    check_regions(&map, flash_size);
    oneslot_map_write(&map, buffer);
    DEMAND(oneslot_map_parse(&again, buffer, ONESLOT_MAP_BYTES, flash_size) == ONESLOT_ERROR_NONE);
    demand_same(&map, &again);
}

/* Text */

static void check_text(struct input *input, bool as_written) {
    static char text[TEXT_MAX + 1];
    static char written[TEXT_MAX];
    struct oneslot_map map;
    struct oneslot_map again;
    char reason[REASON];
    const struct map_csv_way way = {
        .as_written = as_written, .behind = input_number(input, 3) << 8, .app_align = input_number(input, 1) << 12};
    text[input_take(input, text, TEXT_MAX)] = 0;
    memset(reason, 'x', sizeof reason);
    if (!map_csv_read(&map, text, &way, reason, sizeof reason)) {
        DEMAND(memchr(reason, 0, sizeof reason) != NULL && reason[0] != 0);
        return;
    }
    DEMAND(map.count >= 1 && map.count <= ONESLOT_MAP_ENTRIES);
    for (uint32_t i = 0; i < map.count; i++) {
        const struct oneslot_partition *row = &map.partition[i];
        DEMAND(memchr(row->label, 0, sizeof row->label) != NULL && row->label[0] != 0);
        DEMAND((uint64_t)row->address + row->size <= UINT32_MAX);
        DEMAND(as_written || (row->address % 4096 == 0 && row->size % 4096 == 0 && row->size > 0));
    }
    FILE *out = fmemopen(written, sizeof written, "w");
    DEMAND(out != NULL);
    map_csv_write(&map, out);
    DEMAND(fclose(out) == 0);
    DEMAND(map_csv_read(&again, written, &(struct map_csv_way){.as_written = as_written}, reason, sizeof reason));
    demand_same(&map, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {.bytes = data, .left = size};
    const uint32_t options = input_number(&input, 1);
    if (options & OPTION_TEXT) {
        check_text(&input, options & OPTION_AS_WRITTEN);
    } else {
        check_binary(&input, options & OPTION_SEAL, 0x10000u << (options >> 4 & 15u));
    }
    return 0;
}
