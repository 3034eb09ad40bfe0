/*
 * What `oneslot info` says of an ESP8266's flash without Oneslot.
 */
#include <string.h>

#include "host/info.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "host/stock.h"
#include "host/tool.h"

/// Why the files are not read, in words; NULL where they are, or where there are none.
static const char *other_files(const struct stock *stock) {
    if (stock->kind == FILES_FAT) {
        return "a FAT, which is not read here";
    }
    if (stock->kind == FILES_NONE && stock->files.subtype == ONESLOT_SUBTYPE_DATA_SPIFFS) {
        return "a SPIFFS, which is not read here, or nothing";
    }
    return NULL;
}

static void show_json(const struct stock *stock, uint8_t *bytes, uint32_t size) {
    struct json json;
    struct info_files files;
    tool_json_begin(&json, stdout, tool_json_error(stock->firmware.error), oneslot_error_text(stock->firmware.error));
    json_string(&json, "type", "flash");
    json_bool(&json, "oneslot", false);
    json_number(&json, "size", size);
    json_string(&json, "chip", "ESP8266");
    json_string(&json, "flash_mode", flash_mode_name(bytes[2]));
    json_string(&json, "flash_size", flash_size_name(bytes[3] >> 4, NULL));
    json_string(&json, "note", stock->map.note);
    info_map_json(&json, &stock->map.map);
    json_object(&json, "firmware");
    info_firmware_json(&json, &stock->firmware);
    json_string(&json, "error",
                stock->firmware.error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(stock->firmware.error));
    json_object_end(&json);
    if (stock->files.size != 0 && other_files(stock) == NULL) {
        info_look_at_files(&files, bytes + stock->files.address, stock->files.size);
        info_files_json(&json, &files);
    } else if (stock->files.size != 0) {
        json_object(&json, "file_system");
        json_string(&json, "error", oneslot_error_name(ONESLOT_ERROR_FS_MISSING));
        json_string(&json, "message", other_files(stock));
        json_object_end(&json);
    }
    tool_json_end(&json);
}

static void show_text(const struct stock *stock, uint8_t *bytes, uint32_t size) {
    struct info_files files;
    char text[24];
    const char *mode = flash_mode_name(bytes[2]);
    printf("%sflash without Oneslot%s, ESP8266, %s\n", tool_colour(stdout, 1), tool_colour(stdout, 0),
           size_text(size, text));
    printf("  header    %s, %s, %s\n", mode != NULL ? mode : "unknown mode", flash_size_name(bytes[3] >> 4, NULL),
           flash_clock_name(bytes[3] & 0x0f));
    info_map_text(&stock->map.map);
    printf("            %s\n", stock->map.note);
    if (stock->files.size != 0) {
        if (stock->elsewhere) {
            printf("  files     found at 0x%x, which is not where the firmware is known to keep them\n",
                   stock->files.address);
        }
        if (other_files(stock) != NULL) {
            printf("  files     on %s\n", other_files(stock));
        } else {
            info_look_at_files(&files, bytes + stock->files.address, stock->files.size);
            info_files_text(&files);
        }
    }
    printf("  in it, at 0x%x:\n", stock->firmware.image.target);
    info_firmware_text(&stock->firmware);
}

bool info_stock_show(const char *path, uint8_t *bytes, uint32_t size, bool as_json, bool csv, int *status) {
    struct stock stock;
    if (!stock_read(&stock, bytes, size) || stock.esp32) {
        return false;
    }
    if (csv) {
        map_csv_write(&stock.map.map, stdout);
    } else if (as_json) {
        show_json(&stock, bytes, size);
    } else {
        show_text(&stock, bytes, size);
    }
    *status = stock.firmware.error == ONESLOT_ERROR_NONE
                  ? TOOL_OK
                  : tool_fail(false, stock.firmware.error, "%s: its firmware: %s", path,
                              oneslot_error_text(stock.firmware.error));
    return true;
}
