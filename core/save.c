/* Saving the firmware that runs. See save.h; docs/FORMATS.md has the package. */
#include "oneslot/save.h"

#include <stddef.h>
#include <string.h>

#include "oneslot/numbers.h"
#include "sha256.h"

#define LIST_MAGIC           0x6907u
#define LIST_MAGIC_PROTECTED 0x6908u
/// Chip, kind, codec and unpacked image, each with its header of four bytes, behind that of the list.
#define PROTECTED_MOST (4u + 4u + 2u + 4u + 1u + 4u + 1u + ONESLOT_UNPACK_PARAMETERS + 4u + 36u)
/// The digest alone.
#define TRAILER (4u + 4u + 32u)
#define PIECE   4096u
/// Where the header of an ESP32 family's image has the chip's number (ESP-IDF, esp_app_format.h, esp_image_header_t).
#define CHIP_NUMBER 12u

/// A saving under way.
struct save {
    struct oneslot *oneslot;
    const struct oneslot_save_options *options;
    oneslot_save_write *write;
    uint32_t target; ///< flash address of the image's first byte
    uint16_t chip;   ///< ONESLOT_CHIP_*
    uint32_t done;   ///< bytes read in the passes before this one
    bool compressed;
    struct oneslot_unpack_stream stream;
    struct oneslot_sha256 image; ///< what was read in this pass
    struct oneslot_sha256 file;  ///< what was written
    uint8_t list[PROTECTED_MOST];
    uint32_t list_size;
};

static bool is_zero(const uint8_t *bytes, uint32_t length) {
    uint8_t any = 0;
    for (uint32_t i = 0; i < length; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* The image, as its file was */

static enum oneslot_error read_image(void *context, uint32_t offset, void *buffer, uint32_t length) {
    struct save *save = context;
    const struct oneslot *oneslot = save->oneslot;
    uint8_t *to = buffer;
    for (uint32_t done = 0; done < length;) {
        uint32_t address = save->target + offset + done;
        uint32_t part = length - done;
        if (address < ONESLOT_SECTOR_SIZE) {
            if (part > ONESLOT_SECTOR_SIZE - address) {
                part = ONESLOT_SECTOR_SIZE - address;
            }
            address += oneslot->layout.displaced;
        }
        enum oneslot_error error = oneslot_flash_read(&oneslot->flash, address, to + done, part);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        done += part;
    }
    // In flash these are the device's own.
    for (uint32_t i = 2; save->target == 0 && i < 4; i++) {
        if (i >= offset && i - offset < length) {
            to[i - offset] = (uint8_t)(oneslot->record.installed_header >> (8u * i));
        }
    }
    oneslot_sha256_update(&save->image, buffer, length);
    uint32_t end = offset + length;
    if (save->options->progress != NULL && (end % PIECE < length || end == save->stream.size)) {
        save->options->progress(save->options->context, save->done + end, 2u * save->stream.size);
    }
    return ONESLOT_ERROR_NONE;
}

/* The file */

static enum oneslot_error put(void *context, const void *data, uint32_t length) {
    struct save *save = context;
    oneslot_sha256_update(&save->file, data, length);
    return save->write(save->options->context, data, length);
}

/// All of the image, as it is; only read where `write` is NULL.
static enum oneslot_error copy(struct save *save, oneslot_save_write *write) {
    uint32_t piece = save->options->memory_size < PIECE ? save->options->memory_size & ~3u : PIECE;
    uint32_t size = save->stream.size;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (uint32_t done = 0; done < size && error == ONESLOT_ERROR_NONE; done += piece) {
        uint32_t part = size - done < piece ? size - done : piece;
        error = read_image(save, done, save->options->memory, part);
        if (error == ONESLOT_ERROR_NONE && write != NULL) {
            error = write(save, save->options->memory, part);
        }
    }
    return error;
}

/// One pass over the image: measures or writes what holds it, and proves that it is the one in the journal.
static enum oneslot_error pass(struct save *save, oneslot_save_write *write) {
    uint8_t digest[ONESLOT_SHA256_SIZE];
    uint32_t packed = save->stream.packed_size;
    oneslot_sha256_init(&save->image);
    enum oneslot_error error = save->compressed ? oneslot_pack(&save->stream, save->options->memory,
                                                               save->options->memory_size, read_image, write, save)
                                                : copy(save, write);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    oneslot_sha256_final(&save->image, digest);
    bool same = memcmp(digest, save->oneslot->record.installed, sizeof digest) == 0;
    if (write != NULL && save->stream.packed_size != packed) {
        same = false;
    }
    save->done += save->stream.size;
    return same ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FLASH_VERIFY;
}

/* The package */

static uint8_t *put_half(uint8_t *to, uint32_t value) {
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    return to + 2;
}

static uint8_t *put_word(uint8_t *to, uint32_t value) {
    return put_half(put_half(to, value), value >> 16);
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, uint32_t length) {
    memcpy(to, bytes, length);
    return to + length;
}

static uint8_t *put_entry(uint8_t *to, uint32_t type, uint32_t length) {
    return put_half(put_half(to, type), length);
}

/// The entries that the digest covers.
static void make_list(struct save *save) {
    const struct oneslot_record *record = &save->oneslot->record;
    const struct oneslot_unpack_stream *stream = &save->stream;
    uint8_t *to = save->list + 4;
    to = put_half(put_entry(to, ONESLOT_TLV_CHIP | ONESLOT_TLV_CRITICAL, 2), save->chip);
    if (record->installed_kind != 0) {
        to = put_bytes(put_entry(to, ONESLOT_TLV_KIND, 1), &record->installed_kind, 1);
    }
    if (save->compressed) {
        to = put_entry(to, ONESLOT_TLV_CODEC | ONESLOT_TLV_CRITICAL, 1u + ONESLOT_UNPACK_PARAMETERS);
        *to++ = ONESLOT_CODEC_LZMA;
        *to++ = stream->filter;
        *to++ = (uint8_t)(stream->lc + 9u * (stream->lp + 5u * stream->pb));
        to = put_word(to, stream->dictionary);
    }
    to = put_word(put_entry(to, ONESLOT_TLV_UNPACKED, 36), stream->size);
    to = put_bytes(to, record->installed, sizeof record->installed);
    save->list_size = (uint32_t)(to - save->list);
    put_half(put_half(save->list, LIST_MAGIC_PROTECTED), save->list_size);
}

static enum oneslot_error put_header(struct save *save, uint32_t payload) {
    uint8_t header[ONESLOT_PACKAGE_HEADER] = {0};
    put_word(header, ONESLOT_PACKAGE_MAGIC);
    put_half(header + 8, ONESLOT_PACKAGE_HEADER);
    put_half(header + 10, save->list_size);
    put_word(header + 12, payload);
    put_bytes(header + 20, save->oneslot->record.installed_version, sizeof save->oneslot->record.installed_version);
    return put(save, header, sizeof header);
}

static enum oneslot_error put_trailer(struct save *save) {
    uint8_t trailer[TRAILER];
    uint8_t *to = put_half(put_half(trailer, LIST_MAGIC), sizeof trailer);
    to = put_entry(to, ONESLOT_TLV_SHA256, ONESLOT_SHA256_SIZE);
    oneslot_sha256_final(&save->file, to);
    return save->write(save->options->context, trailer, sizeof trailer);
}

static enum oneslot_error begin(const struct save *save, uint32_t size) {
    return save->options->begin != NULL ? save->options->begin(save->options->context, size) : ONESLOT_ERROR_NONE;
}

static enum oneslot_error write_package(struct save *save) {
    uint32_t payload = save->compressed ? save->stream.packed_size : save->stream.size;
    make_list(save);
    enum oneslot_error error = begin(save, ONESLOT_PACKAGE_HEADER + payload + save->list_size + TRAILER);
    if (error == ONESLOT_ERROR_NONE) {
        error = put_header(save, payload);
    }
    if (error == ONESLOT_ERROR_NONE) {
        error = pass(save, put);
    }
    if (error == ONESLOT_ERROR_NONE) {
        error = put(save, save->list, save->list_size);
    }
    return error == ONESLOT_ERROR_NONE ? put_trailer(save) : error;
}

/* Both */

static uint8_t filter_of(uint16_t chip) {
    switch (chip) {
    case ONESLOT_CHIP_ESP8266:
        return ONESLOT_FILTER_LX106;
    case ONESLOT_CHIP_ESP32:
    case ONESLOT_CHIP_ESP32S2:
    case ONESLOT_CHIP_ESP32S3:
        return ONESLOT_FILTER_LX6;
    default:
        return ONESLOT_FILTER_RISCV; // all that came later
    }
}

/// The chip's number: an application of the ESP32 family names it. The filter is the one that its code asks for.
static enum oneslot_error find_chip(struct save *save) {
    uint8_t number[2];
    save->chip = ONESLOT_CHIP_ESP8266;
    if (save->oneslot->layout.application != 0) {
        uint32_t address = save->target + CHIP_NUMBER;
        enum oneslot_error error = oneslot_flash_read(&save->oneslot->flash, address, number, sizeof number);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        save->chip = (uint16_t)(number[0] | number[1] << 8);
    }
    save->stream.filter = filter_of(save->chip);
    return ONESLOT_ERROR_NONE;
}

/// What runs, as the journal has it.
static enum oneslot_error find_image(struct save *save) {
    struct oneslot *oneslot = save->oneslot;
    const struct oneslot_record *record = &oneslot->record;
    struct oneslot_journal journal = {&oneslot->flash, oneslot->layout.journal};
    enum oneslot_error error = oneslot_journal_load(&journal, &oneslot->record, &oneslot->slot);
    if (error == ONESLOT_ERROR_JOURNAL_EMPTY) {
        return ONESLOT_ERROR_IMAGE_NOT_KNOWN;
    }
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (record->state == ONESLOT_STATE_INSTALLING) {
        return ONESLOT_ERROR_BUSY;
    }
    save->target =
        oneslot->layout.application + (record->installed_kind == ONESLOT_IMAGE_USER1 ? ONESLOT_SECTOR_SIZE : 0);
    save->stream.size = record->installed_size;
    bool known = record->installed_size > 0 && !is_zero(record->installed, sizeof record->installed) &&
                 record->installed_size <= oneslot->layout.firmware - save->target;
    return known ? find_chip(save) : ONESLOT_ERROR_IMAGE_NOT_KNOWN;
}

enum oneslot_error oneslot_save(struct oneslot *oneslot, const struct oneslot_save_options *options,
                                oneslot_save_write *write) {
    struct save save = {.oneslot = oneslot, .options = options, .write = write};
    oneslot_sha256_init(&save.file);
    if (options->memory_size < ONESLOT_SAVE_MEMORY_LEAST) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    enum oneslot_error error = find_image(&save);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    save.compressed = !options->plain && options->memory_size >= ONESLOT_PACK_MEMORY_LEAST;
    error = pass(&save, NULL);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (!options->plain) {
        save.compressed = save.compressed && save.stream.packed_size < save.stream.size;
        return write_package(&save);
    }
    error = begin(&save, save.stream.size);
    return error == ONESLOT_ERROR_NONE ? pass(&save, put) : error;
}
