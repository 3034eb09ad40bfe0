#include "host/flash_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/esp32.h"
#include "host/file.h"
#include "host/output.h"
#include "host/ram_flash.h"
#include "host/stock.h"
#include "host/tool.h"

enum oneslot_error flash_file_find_layout(struct flash_file *file) {
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    ram_flash_init(&file->flash, file->bytes, file->size);
    file->idf = false;
    enum oneslot_error error = oneslot_layout_read(&file->flash, &file->layout);
    if (error == ONESLOT_ERROR_NO_LAYOUT && esp32_file(file->bytes, file->size)) {
        file->idf = true;
        error = oneslot_layout_from_table(&file->flash, &file->layout, working);
    }
    return error;
}

enum oneslot_error flash_file_open_oneslot(const struct flash_file *file, struct oneslot *oneslot) {
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    return file->idf ? oneslot_open_table(oneslot, &file->flash, working) : oneslot_open(oneslot, &file->flash);
}

static int read_map(struct flash_file *file, bool json) {
    _Alignas(4) uint8_t table[ONESLOT_MAP_BYTES];
    enum oneslot_error error = flash_file_find_layout(file);
    if (error == ONESLOT_ERROR_NO_LAYOUT && file->idf) {
        return tool_fail(json, error,
                         "%s: its partition table is not Oneslot's, or has a second OTA slot: 'oneslot image --dump' "
                         "makes a flash with Oneslot of it",
                         file->path);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(json, error, "%s: %s", file->path, oneslot_error_text(error));
    }
    if (file->layout.flash_size != file->size) {
        return tool_fail(json, ONESLOT_ERROR_NO_LAYOUT,
                         "%s holds %u bytes, but the flash it was made for has %u: a whole flash is needed", file->path,
                         file->size, file->layout.flash_size);
    }
    error = oneslot_map_read(&file->map, &file->flash, file->layout.map, table);
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(json, error, "%s: %s", file->path, oneslot_error_text(error));
    }
    return TOOL_OK;
}

/// A map with one region: where the files are.
static bool read_stock(struct flash_file *file) {
    struct stock stock;
    if (flash_file_find_layout(file) == ONESLOT_ERROR_NONE || !stock_read(&stock, file->bytes, file->size) ||
        stock.files.size == 0) {
        return false;
    }
    file->stock = true;
    file->idf = stock.esp32;
    file->map.count = 1;
    file->map.partition[0] = stock.files;
    return true;
}

static int open_file(struct flash_file *file, const char *path, bool any, bool json) {
    *file = (struct flash_file){.path = path};
    size_t length;
    if (!file_read(path, FLASH_FILE_MAX, &file->bytes, &length)) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    file->size = (uint32_t)length;
    int status;
    if (length == 0 || length % ONESLOT_BLOCK_SIZE != 0) {
        status = tool_fail(json, ONESLOT_ERROR_NO_LAYOUT,
                           "%s is no whole flash: its size, %u bytes, is no multiple of 64 KiB", path, file->size);
    } else {
        status = any && read_stock(file) ? TOOL_OK : read_map(file, json);
    }
    if (status != TOOL_OK) {
        flash_file_close(file);
    }
    return status;
}

int flash_file_open(struct flash_file *file, const char *path, bool json) {
    return open_file(file, path, false, json);
}

int flash_file_open_any(struct flash_file *file, const char *path, bool json) {
    return open_file(file, path, true, json);
}

int flash_file_save(const struct flash_file *file, bool json) {
    return output_update(file->path, file->bytes, file->size, json);
}

void flash_file_close(struct flash_file *file) {
    free(file->bytes);
    file->bytes = NULL;
}
