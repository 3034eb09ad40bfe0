#include "oneslot/image.h"

#include <string.h>

#include "image_format.h"
#include "oneslot/rom_image.h"

/// End of the ESP8266's DRAM, and the window that flash runs in place through.
#define DRAM_END     0x40000000u
#define WINDOW_START 0x40200000u
#define WINDOW_END   0x40300000u

/// Where Arduino's eboot runs, and where its sketches' code begins.
#define EBOOT_ADDRESS  0x4010f000u
#define SKETCH_ADDRESS (WINDOW_START + ARDUINO_WORDS)

/// Size of a file header, and of a segment's.
#define HEADER_SIZE         8u
#define SEGMENT_HEADER_SIZE 8u

/// A length word of MicroPython's at or past this is none: no chip is larger.
#define LENGTH_LIMIT 0x01000000u

/// Whether a segment is one that the program which loads it can load.
typedef bool segment_rule(const struct oneslot_segment *segment);

/// As oneslot_source_read, but past the end of the file it is the image that is cut short.
static enum oneslot_error read_header(struct oneslot_source *source, uint32_t offset, uint8_t *bytes, uint32_t length) {
    if (offset > source->size || length > source->size - offset) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    return oneslot_source_read(source, offset, bytes, length);
}

static bool lies_within(const struct oneslot_segment *segment, uint32_t start, uint32_t end) {
    return segment->address >= start && segment->address < end && segment->length <= end - segment->address;
}

static bool lies_in_ram(const struct oneslot_segment *segment) {
    return lies_within(segment, ONESLOT_ROM_DRAM_START, DRAM_END) ||
           lies_within(segment, ONESLOT_ROM_IRAM_START, ONESLOT_ROM_IRAM_END);
}

/// eboot and boot_v1.x pass over what is empty.
static bool is_loadable(const struct oneslot_segment *segment) {
    return segment->length == 0 || lies_in_ram(segment);
}

/// What is no such segment at all. Whether the loader leaves room for it is asked in oneslot_image_allowed.
static bool rom_loads(const struct oneslot_segment *segment) {
    return (segment->address | segment->length) % 4 == 0 && lies_in_ram(segment);
}

/// eboot leaves in place what is linked to run from flash.
static bool eboot_loads(const struct oneslot_segment *segment) {
    return is_loadable(segment) ||
           (lies_within(segment, WINDOW_START, WINDOW_END) && segment->address - WINDOW_START == segment->offset);
}

/// Appends the segments of the 0xE9 header at `offset` to those of the image; `end` is where their checksum's
/// line ends.
static enum oneslot_error read_segments(struct oneslot_image *image, struct oneslot_source *source, uint32_t offset,
                                        segment_rule *rule, uint32_t *end) {
    uint8_t bytes[HEADER_SIZE];
    enum oneslot_error error = read_header(source, offset, bytes, HEADER_SIZE);
    if (error) {
        return error;
    }
    uint32_t count = bytes[1];
    if (bytes[0] != IMAGE_MAGIC || count == 0 || count > ONESLOT_IMAGE_SEGMENTS - image->segment_count) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    uint32_t position = offset + HEADER_SIZE;
    for (; count > 0; count--) {
        error = read_header(source, position, bytes, SEGMENT_HEADER_SIZE);
        if (error) {
            return error;
        }
        struct oneslot_segment segment = {
            .address = image_word(bytes),
            .offset = position + SEGMENT_HEADER_SIZE,
            .length = image_word(bytes + 4),
        };
        if (!rule(&segment)) {
            return ONESLOT_ERROR_IMAGE_HEADER;
        }
        if (segment.length > source->size - segment.offset) {
            return ONESLOT_ERROR_IMAGE_TRUNCATED;
        }
        image->segment[image->segment_count++] = segment;
        position = segment.offset + segment.length;
    }
    uint32_t checksum = image_checksum_offset(position);
    if (checksum >= source->size) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    *end = checksum + 1;
    return ONESLOT_ERROR_NONE;
}

/// Takes the length that the image itself names, and compares it with the file's.
static enum oneslot_error settle_size(struct oneslot_image *image, const struct oneslot_source *source, uint32_t size) {
    image->size = size;
    if (size > source->size) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    return size < source->size && !source->raw ? ONESLOT_ERROR_IMAGE_LENGTH : ONESLOT_ERROR_NONE;
}

/// The second 0xE9 header, which names the RAM segments, lies behind the code that runs in place.
static enum oneslot_error probe_user1(struct oneslot_image *image, struct oneslot_source *source,
                                      const uint8_t *header) {
    image->kind = ONESLOT_IMAGE_USER1;
    image->target = ONESLOT_SECTOR_SIZE;
    if (header[1] != 4) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    uint32_t length = image_word(header + 12);
    if (length > WINDOW_END - WINDOW_START) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    image->segment[image->segment_count++] = (struct oneslot_segment){.offset = 16, .length = length};
    uint32_t end;
    enum oneslot_error error = read_segments(image, source, 16 + length, is_loadable, &end);
    return error ? error : settle_size(image, source, end + USER1_CRC_SIZE);
}

static enum oneslot_error probe_arduino(struct oneslot_image *image, struct oneslot_source *source) {
    image->kind = ONESLOT_IMAGE_ARDUINO;
    uint32_t end;
    enum oneslot_error error = read_segments(image, source, ARDUINO_SKETCH, eboot_loads, &end);
    return error ? error : settle_size(image, source, end);
}

/// Either mark will do, so that damage to one of them does not make another kind of it.
static enum oneslot_error is_arduino(const struct oneslot_image *image, struct oneslot_source *source, uint32_t end,
                                     bool *arduino) {
    uint8_t bytes[HEADER_SIZE + 4];
    *arduino = false;
    if (end > ARDUINO_SKETCH || end == source->size) {
        return ONESLOT_ERROR_NONE;
    }
    if (image->segment[0].address == EBOOT_ADDRESS) {
        *arduino = true;
        return ONESLOT_ERROR_NONE;
    }
    if (source->size < ARDUINO_SKETCH + sizeof bytes) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = oneslot_source_read(source, ARDUINO_SKETCH, bytes, sizeof bytes);
    *arduino = !error && bytes[0] == IMAGE_MAGIC && image_word(bytes + HEADER_SIZE) == SKETCH_ADDRESS;
    return error;
}

/// Reads MicroPython's length word; 0 if there is none.
static enum oneslot_error read_length(struct oneslot_source *source, uint32_t end, uint32_t *length) {
    uint8_t bytes[4];
    *length = 0;
    if (end > MICROPYTHON_LENGTH || source->size < MICROPYTHON_CODE) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = oneslot_source_read(source, MICROPYTHON_LENGTH, bytes, sizeof bytes);
    if (error) {
        return error;
    }
    uint32_t word = image_word(bytes);
    if (word > MICROPYTHON_CODE && word < LENGTH_LIMIT) {
        *length = word;
    }
    return ONESLOT_ERROR_NONE;
}

/// The MD5 leaves out the number of segments. The filling behind the last one tells whether it is right.
static enum oneslot_error probe_micropython(struct oneslot_image *image, struct oneslot_source *source, uint32_t end,
                                            uint32_t length) {
    uint8_t bytes[4];
    image->kind = ONESLOT_IMAGE_MICROPYTHON;
    enum oneslot_error error = oneslot_source_read(source, end, bytes, sizeof bytes);
    if (error) {
        return error;
    }
    if (image_word(bytes) != 0xffffffffu) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    return settle_size(image, source, length + MICROPYTHON_MD5_SIZE);
}

/// What the boot ROM loads, and by what lies behind it, which kind it is.
static enum oneslot_error probe_rom(struct oneslot_image *image, struct oneslot_source *source) {
    uint32_t end;
    enum oneslot_error error = read_segments(image, source, 0, rom_loads, &end);
    if (error) {
        return error;
    }
    image->boot_segments = image->segment_count;
    if (image->entry < ONESLOT_ROM_IRAM_START || image->entry >= ONESLOT_ROM_IRAM_END) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    bool arduino;
    error = is_arduino(image, source, end, &arduino);
    if (error) {
        return error;
    }
    if (arduino) {
        return probe_arduino(image, source);
    }
    uint32_t length;
    error = read_length(source, end, &length);
    if (error) {
        return error;
    }
    if (length != 0) {
        return probe_micropython(image, source, end, length);
    }
    bool boot = end == source->size && end <= ONESLOT_SECTOR_SIZE;
    image->kind = boot ? ONESLOT_IMAGE_BOOT : ONESLOT_IMAGE_PLAIN;
    return ONESLOT_ERROR_NONE;
}

/// The ESP32 family's header is 24 bytes long: where the ESP8266's first segment would be, it has pin numbers
/// and a chip number, and its first segment's address goes to memory that the ESP8266 has not, or has elsewhere.
static bool is_esp32_header(const uint8_t *bytes) {
    uint32_t address = image_word(bytes + 24);
    return bytes[0] == IMAGE_MAGIC && bytes[10] == 0 && bytes[11] == 0 && bytes[13] == 0 && bytes[23] <= 1 &&
           address >= 0x3c000000u && address < 0x60000000u;
}

/// An ESP32 image at `offset`, as its programs and its second-stage boot loaders are.
static enum oneslot_error find_esp32(struct oneslot_source *source, uint32_t offset, bool *found) {
    uint8_t bytes[28];
    if (*found || source->size < sizeof bytes || offset > source->size - sizeof bytes) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = oneslot_source_read(source, offset, bytes, sizeof bytes);
    *found = !error && is_esp32_header(bytes);
    return error;
}

/// Whole-flash files of the ESP32 family begin with nothing, up to the boot loader's place.
static enum oneslot_error is_esp32(struct oneslot_source *source, uint8_t first, bool *found) {
    *found = false;
    if (first == IMAGE_MAGIC) {
        return find_esp32(source, 0, found);
    }
    if (first != 0xff) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = find_esp32(source, 0x1000, found);
    return error ? error : find_esp32(source, 0x2000, found);
}

enum oneslot_error oneslot_image_probe(struct oneslot_image *image, struct oneslot_source *source) {
    uint8_t header[16];
    memset(image, 0, sizeof *image);
    image->size = source->size;
    if (source->size == 0) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    enum oneslot_error error = oneslot_source_read(source, 0, header, 1);
    if (error) {
        return error;
    }
    bool esp32;
    error = is_esp32(source, header[0], &esp32);
    if (error) {
        return error;
    }
    if (esp32) {
        image->kind = ONESLOT_IMAGE_ESP32;
        return ONESLOT_ERROR_IMAGE_CHIP;
    }
    if (header[0] != IMAGE_MAGIC && header[0] != IMAGE_MAGIC_USER1) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    error = read_header(source, 0, header, sizeof header);
    if (error) {
        return error;
    }
    image->header = image_word(header);
    image->entry = image_word(header + 4);
    return header[0] == IMAGE_MAGIC ? probe_rom(image, source) : probe_user1(image, source, header);
}
