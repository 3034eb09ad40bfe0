/*
 * Maps in the forms that other programs read.
 */
#include <ctype.h>
#include <string.h>

#include "host/json.h"
#include "host/map/flash_map.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "host/tool.h"

/// The ESP8266's window on its first megabyte of flash.
#define WINDOW        0x40200000u
#define MEGABYTE      0x100000u
#define SUBTYPE_ROMFS 0x8f
#define NAME_ROOM     48

static bool is_kind(const struct oneslot_partition *row, uint8_t type, uint8_t subtype) {
    return row->type == type && row->subtype == subtype;
}

static const struct oneslot_partition *find(const struct flash_map *map, uint8_t type, uint8_t subtype) {
    for (uint32_t index = 0; index < map->map.count; index++) {
        if (is_kind(&map->map.partition[index], type, subtype)) {
            return &map->map.partition[index];
        }
    }
    return NULL;
}

/// "4MB" where that is exact, as esptool writes it.
static const char *flash_text(uint32_t bytes, char text[24]) {
    if (bytes % MEGABYTE == 0) {
        snprintf(text, 24, "%uMB", bytes / MEGABYTE);
    } else if (bytes % 1024 == 0) {
        snprintf(text, 24, "%uKB", bytes / 1024);
    } else {
        snprintf(text, 24, "%u", bytes);
    }
    return text;
}

static void write_title(FILE *out, const struct flash_map *map, const char *begin, const char *end) {
    fprintf(out, "%sFlash map %s%s%s%s\n", begin, map->name, map->note[0] != 0 ? ": " : "", map->note, end);
}

static void export_title(FILE *out, const struct flash_map *map) {
    char flash[24];
    write_title(out, map, "# ", "");
    fprintf(out, "# oneslot: chip=%s flash=%s", flash_map_chip_text(map->chip), flash_text(map->flash_size, flash));
    if (map->sdk != 0) {
        fprintf(out, " sdk=%u", map->sdk);
    }
    if (map->system_sectors != 0) {
        fprintf(out, " system=%u", map->system_sectors);
    }
    if (map->irom != 0) {
        fprintf(out, " irom=0x%x", map->irom);
    }
    fputc('\n', out);
}

static void export_csv(FILE *out, const struct flash_map *map) {
    export_title(out, map);
    map_csv_write_numbers(&map->map, out);
}

static void export_csv_names(FILE *out, const struct flash_map *map) {
    export_title(out, map);
    map_csv_write(&map->map, out);
}

static void export_bin(FILE *out, const struct flash_map *map) {
    uint8_t bytes[ONESLOT_MAP_BYTES];
    oneslot_map_write(&map->map, bytes);
    fwrite(bytes, sizeof bytes, 1, out);
}

/// A label as part of a name in C, CMake or Python; one that another row has already gets its row's number.
static void make_name(const struct flash_map *map, uint32_t index, bool upper, char name[NAME_ROOM]) {
    char other[NAME_ROOM];
    size_t used = 0;
    for (const char *at = map->map.partition[index].label; *at != 0 && used < 16; at++) {
        unsigned char letter = (unsigned char)*at;
        name[used++] = (char)(!isalnum(letter) || letter >= 0x80 ? '_' : upper ? toupper(letter) : tolower(letter));
    }
    name[used] = 0;
    for (uint32_t before = 0; before < index; before++) {
        make_name(map, before, upper, other);
        if (strcmp(name, other) == 0) {
            snprintf(name + used, NAME_ROOM - used, "_%u", index);
            return;
        }
    }
}

/// The program's region: the one that code which runs in place begins in.
static const struct oneslot_partition *program(const struct flash_map *map, uint32_t irom) {
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        if (row->type == ONESLOT_TYPE_APP && irom >= row->address && irom - row->address < row->size) {
            return row;
        }
    }
    return NULL;
}

/// Where MicroPython's own flashbdev.py begins its file system, by the end of the linked code.
static uint32_t flashbdev_start(uint32_t code_end, const struct oneslot_partition *romfs) {
    uint32_t start = code_end + (romfs != NULL ? romfs->size : 0);
    return start < MEGABYTE ? start + ONESLOT_SECTOR_SIZE : start;
}

static void write_native(FILE *out, const struct flash_map *map) {
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        if (is_kind(row, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE) && row->address < MEGABYTE) {
            char name[NAME_ROOM];
            make_name(map, index, false, name);
            fprintf(out, "\n_%s_start = 0x%08x;\n_%s_size = 0x%x;\n", name, WINDOW + row->address, name, row->size);
        }
    }
}

static bool export_ld(FILE *out, const struct flash_map *map, char *reason) {
    uint32_t irom = map->irom != 0 ? map->irom : 0x9000;
    const struct oneslot_partition *code = program(map, irom);
    if (map->chip != FLASH_MAP_ESP8266) {
        return flash_map_refuse(
            reason,
            "a linker script is of use for the ESP8266 alone: programs for the %s are not linked to a "
            "flash address",
            flash_map_chip_text(map->chip));
    }
    if (code == NULL) {
        return flash_map_refuse(reason, "no region for a program holds 0x%x, where its code that runs in place begins",
                                irom);
    }
    uint32_t end = code->address + code->size < MEGABYTE ? code->address + code->size : MEGABYTE;
    const struct oneslot_partition *romfs = find(map, ONESLOT_TYPE_DATA, SUBTYPE_ROMFS);
    write_title(out, map, "/* ", " */");
    fprintf(out,
            "\nMEMORY\n{\n"
            "    dport0_0_seg : org = 0x3ff00000, len = 0x10\n"
            "    dram0_0_seg  : org = 0x3ffe8000, len = 0x14000\n"
            "    iram1_0_seg  : org = 0x40100000, len = 0x8000\n"
            "    irom0_0_seg  : org = 0x%08x, len = 0x%x\n",
            WINDOW + irom, end - irom);
    if (romfs != NULL) {
        fprintf(out, "    FLASH_ROMFS  : org = 0x%08x, len = 0x%x\n", WINDOW + romfs->address, romfs->size);
    }
    fputs("}\n", out);
    if (romfs != NULL) {
        fputs("\n_micropy_hw_romfs_part0_start = ORIGIN(FLASH_ROMFS);\n"
              "_micropy_hw_romfs_part0_size = LENGTH(FLASH_ROMFS);\n",
              out);
    }
    write_native(out, map);
    const struct oneslot_partition *files = oneslot_map_file_system(&map->map);
    uint32_t stock = flashbdev_start(end, romfs);
    if (irom == 0x9000 && files != NULL && files->address != stock) {
        fprintf(out,
                "\n/* With this end of the code, MicroPython's own flashbdev.py would begin the file system at 0x%x:\n"
                "   give it the constants of 'oneslot map export --format micropython'. */\n",
                stock);
    }
    return true;
}

static void export_header(FILE *out, const struct flash_map *map) {
    char name[NAME_ROOM];
    write_title(out, map, "/* ", " */");
    fputs("#ifndef FLASH_MAP_H\n#define FLASH_MAP_H\n\n", out);
    fprintf(out, "#define FLASH_MAP_FLASH_SIZE 0x%xu\n", map->flash_size);
    for (uint32_t index = 0; index < map->map.count; index++) {
        make_name(map, index, true, name);
        fprintf(out, "\n#define FLASH_MAP_%s_OFFSET 0x%xu\n", name, map->map.partition[index].address);
        fprintf(out, "#define FLASH_MAP_%s_SIZE 0x%xu\n", name, map->map.partition[index].size);
    }
    fputs("\n#endif\n", out);
}

static void export_cmake(FILE *out, const struct flash_map *map) {
    char name[NAME_ROOM];
    write_title(out, map, "# ", "");
    fprintf(out, "set(FLASH_MAP_FLASH_SIZE 0x%x)\n", map->flash_size);
    for (uint32_t index = 0; index < map->map.count; index++) {
        make_name(map, index, true, name);
        fprintf(out, "set(FLASH_MAP_%s_OFFSET 0x%x)\n", name, map->map.partition[index].address);
        fprintf(out, "set(FLASH_MAP_%s_SIZE 0x%x)\n", name, map->map.partition[index].size);
    }
}

static bool export_micropython(FILE *out, const struct flash_map *map, char *reason) {
    const struct oneslot_partition *files = oneslot_map_file_system(&map->map);
    if (files == NULL) {
        return flash_map_refuse(reason, "the map has no file system, whose place flashbdev.py needs");
    }
    write_title(out, map, "# ", "");
    fprintf(out, "SEC_SIZE = %u\nSTART_SEC = 0x%x\nBLOCKS = %u\n", ONESLOT_SECTOR_SIZE,
            files->address / ONESLOT_SECTOR_SIZE, files->size / ONESLOT_SECTOR_SIZE);
    const struct oneslot_partition *native = find(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE);
    if (native != NULL) {
        fprintf(out,
                "\n# esp.set_native_code_location(NATIVE_START, NATIVE_LENGTH)\n"
                "NATIVE_START = 0x%x\nNATIVE_LENGTH = 0x%x\n",
                native->address, native->size);
    }
    const struct oneslot_partition *user = find(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER);
    if (user != NULL) {
        fprintf(out, "\nUSER_START_SEC = 0x%x\nUSER_BLOCKS = %u\n", user->address / ONESLOT_SECTOR_SIZE,
                user->size / ONESLOT_SECTOR_SIZE);
    }
    return true;
}

static void export_json(FILE *out, const struct flash_map *map) {
    char text[8];
    struct json json;
    tool_json_begin(&json, out, NULL, NULL);
    json_string(&json, "name", map->name);
    json_string(&json, "note", map->note);
    json_string(&json, "chip", flash_map_chip_text(map->chip));
    json_number(&json, "flash_size", map->flash_size);
    json_number(&json, "sdk", map->sdk);
    json_number(&json, "system_size", map->chip == FLASH_MAP_ESP8266 ? flash_map_system(map) : 0);
    json_number(&json, "irom", map->irom);
    json_array(&json, "regions");
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *row = &map->map.partition[index];
        json_object(&json, NULL);
        json_string(&json, "name", row->label);
        json_string(&json, "type", map_type_text(row->type, text));
        json_string(&json, "subtype", map_subtype_text(row->type, row->subtype, text));
        json_number(&json, "address", row->address);
        json_number(&json, "size", row->size);
        json_bool(&json, "encrypted", (row->flags & 1) != 0);
        json_bool(&json, "readonly", (row->flags & 2) != 0);
        json_object_end(&json);
    }
    json_array_end(&json);
    tool_json_end(&json);
}

static const struct {
    const char *name;
    void (*write)(FILE *out, const struct flash_map *map);
    bool (*try_write)(FILE *out, const struct flash_map *map, char *reason); ///< where a map may lack something
} FORMATS[] = {
    {"csv", export_csv, NULL},
    {"csv-names", export_csv_names, NULL},
    {"bin", export_bin, NULL},
    {"ld", NULL, export_ld},
    {"header", export_header, NULL},
    {"cmake", export_cmake, NULL},
    {"micropython", NULL, export_micropython},
    {"json", export_json, NULL},
};

bool flash_map_export(FILE *out, const struct flash_map *map, const char *format, char *reason) {
    for (size_t index = 0; index < sizeof FORMATS / sizeof FORMATS[0]; index++) {
        if (strcmp(FORMATS[index].name, format) != 0) {
            continue;
        }
        if (FORMATS[index].write != NULL) {
            FORMATS[index].write(out, map);
        } else if (!FORMATS[index].try_write(out, map, reason)) {
            return false;
        }
        return ferror(out) ? flash_map_refuse(reason, "it could not be written") : true;
    }
    return flash_map_refuse(
        reason, "there is no format '%s': csv, csv-names, bin, ld, header, cmake, micropython, json", format);
}
