#include "host/esp32_rollback.h"

#include <stddef.h>
#include <string.h>

#include "host/bytes.h"
#include "oneslot/chip.h"

// Source: ESP-IDF, components/bootloader_support/src/bootloader_utility.c (write_otadata and who calls it) and
// flash_partitions.c, releases 3.1 to 5.4. Without rollback one place writes otadata: where there is no factory
// partition and nothing was chosen yet. With it the function is called there, for entries of either sector that were
// never confirmed, and for the one that is started on trial. It is known by what it prints.
#define CHOOSES "ota data partition invalid"
#define WRITES  "Error in write_otadata operation"
#define TABLE   "invalid magic number 0x"
#define MD5     "MD5 checksum is allowed"

#define HEADER         24u
#define SEGMENT_HEADER 8u
#define CHIP_OFFSET    12u
/// Instructions between the two that make an address, at most.
#define PAIR_BYTES 64u

struct code {
    const uint8_t *bytes; ///< the boot loader
    uint32_t size;
    uint32_t address; ///< of the segment that is looked at
    const uint8_t *at;
    uint32_t length;
    bool riscv;
};

/// Lays the segment with that number before `code`. Returns false where there is none.
static bool take_segment(struct code *code, unsigned number) {
    uint32_t at = HEADER;
    for (unsigned segment = 0; segment < code->bytes[1]; segment++) {
        if (code->size - at < SEGMENT_HEADER || word_at(code->bytes + at + 4) > code->size - at - SEGMENT_HEADER) {
            return false;
        }
        code->address = word_at(code->bytes + at);
        code->length = word_at(code->bytes + at + 4);
        code->at = code->bytes + at + SEGMENT_HEADER;
        if (segment == number) {
            return true;
        }
        at += SEGMENT_HEADER + code->length;
    }
    return false;
}

/// Address of the text of which `part` is a part; 0: there is none. Log formats begin behind a zero.
static uint32_t find_text(struct code code, const char *part) {
    size_t length = strlen(part);
    for (unsigned number = 0; take_segment(&code, number); number++) {
        for (uint32_t at = 0; at + length <= code.length; at++) {
            if (memcmp(code.at + at, part, length) != 0) {
                continue;
            }
            while (at > 0 && code.at[at - 1] != 0) {
                at--;
            }
            return code.address + at;
        }
    }
    return 0;
}

/// Xtensa: l32r at `at`, and the word that it loads.
static bool loads(const struct code *code, uint32_t at, uint32_t *word) {
    if (at + 3 > code->length || (code->at[at] & 0x0f) != 1) {
        return false;
    }
    uint32_t back = 0xfffc0000u | (uint32_t)(code->at[at + 1] | code->at[at + 2] << 8) << 2;
    uint32_t place = ((code->address + at + 3) & ~3u) + back - code->address;
    if (place >= code->length || code->length - place < 4) {
        return false;
    }
    *word = word_at(code->at + place);
    return true;
}

/// RISC-V: bytes of the instruction at `at`.
static uint32_t width(const struct code *code, uint32_t at) {
    return code->riscv ? ((code->at[at] & 3) == 3 ? 4 : 2) : 1;
}

/// RISC-V: lui at `at`, with the first addi behind it that adds to its register.
static bool makes(const struct code *code, uint32_t at, uint32_t *word) {
    uint32_t lui = at + 4 <= code->length ? word_at(code->at + at) : 0;
    if ((lui & 0x7f) != 0x37) {
        return false;
    }
    for (uint32_t next = at + 4; next + 4 <= code->length && next < at + PAIR_BYTES; next += width(code, next)) {
        uint32_t addi = word_at(code->at + next);
        if ((addi & 0x707f) == 0x13 && (addi >> 15 & 31) == (lui >> 7 & 31)) {
            uint32_t low = addi >> 20;
            *word = (lui & 0xfffff000) + (low < 0x800 ? low : low - 0x1000);
            return true;
        }
    }
    return false;
}

/// Place of the instruction that takes the address `text`; 0: none in this segment.
static uint32_t find_use(const struct code *code, uint32_t text) {
    for (uint32_t at = 0; at + 2 <= code->length; at += width(code, at)) {
        uint32_t word;
        if ((code->riscv ? makes(code, at, &word) : loads(code, at, &word)) && word == text) {
            return code->address + at;
        }
    }
    return 0;
}

/// Target of a call at `at`; 0: there is none.
static uint32_t call_at(const struct code *code, uint32_t at) {
    if (code->length - at < 4) {
        return 0;
    }
    uint32_t word = word_at(code->at + at);
    uint32_t place = code->address + at;
    if (!code->riscv) {
        // call8
        uint32_t away = word >> 6 & 0x3ffff;
        return (word & 0x3f) == 0x25 ? (place & ~3u) + 4 + ((away ^ 0x20000) - 0x20000) * 4 : 0;
    }
    if ((word & 0xfff) == 0x0ef) {
        // jal ra
        uint32_t away = (word >> 31 << 20) | (word & 0xff000) | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1;
        return place + ((away ^ 0x100000) - 0x100000);
    }
    if ((word & 0xe003) == 0x2001) {
        // c.jal
        uint32_t away = (word >> 12 & 1) << 11 | (word >> 11 & 1) << 4 | (word >> 9 & 3) << 8 | (word >> 8 & 1) << 10 |
                        (word >> 7 & 1) << 6 | (word >> 6 & 1) << 7 | (word >> 3 & 7) << 1 | (word >> 2 & 1) << 5;
        return place + ((away ^ 0x800) - 0x800);
    }
    return 0;
}

/// How often the segment calls the function.
static uint32_t count_calls(const struct code *code, uint32_t function) {
    uint32_t calls = 0;
    for (uint32_t at = 0; at + 2 <= code->length; at += width(code, at)) {
        calls += call_at(code, at) == function;
    }
    return calls;
}

/// Where the function begins in which `place` lies: on the Xtensa with `entry a1`, else at the nearest place before
/// that something calls. 0: not known.
static uint32_t function_of(const struct code *code, uint32_t place) {
    uint32_t nearest = 0;
    if (!code->riscv) {
        for (uint32_t at = place & ~3u; at >= code->address && at != 0 && nearest == 0; at -= 4) {
            const uint8_t *bytes = code->at + (at - code->address);
            nearest = bytes[0] == 0x36 && (bytes[1] & 0x0f) == 1 ? at : 0;
        }
        return nearest;
    }
    for (uint32_t at = 0; at + 2 <= code->length; at += width(code, at)) {
        uint32_t target = call_at(code, at);
        nearest = target <= place && target > nearest ? target : nearest;
    }
    return nearest;
}

static struct code code_of(const uint8_t *bytes, uint32_t size) {
    uint32_t chip = bytes[CHIP_OFFSET] | (uint32_t)bytes[CHIP_OFFSET + 1] << 8;
    bool xtensa = chip == ONESLOT_CHIP_ESP32 || chip == ONESLOT_CHIP_ESP32S2 || chip == ONESLOT_CHIP_ESP32S3;
    return (struct code){.bytes = bytes, .size = size, .riscv = !xtensa};
}

/// Where the function that writes otadata begins; 0: not known.
static uint32_t find_writer(struct code code, uint32_t text) {
    uint32_t writer = 0;
    for (unsigned number = 0; writer == 0 && take_segment(&code, number); number++) {
        uint32_t use = find_use(&code, text);
        writer = use != 0 ? function_of(&code, use) : 0;
    }
    return writer;
}

enum esp32_ability esp32_bootloader_rollback(const uint8_t *bytes, uint32_t size) {
    struct code code = code_of(bytes, size);
    uint32_t writes = find_text(code, WRITES);
    if (writes == 0) {
        // Before there was rollback no function of that name was there. Or it was built without messages.
        return find_text(code, CHOOSES) != 0 ? ESP32_ABILITY_NO : ESP32_ABILITY_UNKNOWN;
    }
    uint32_t writer = find_writer(code, writes);
    uint32_t calls = 0;
    for (unsigned number = 0; writer != 0 && take_segment(&code, number); number++) {
        calls += count_calls(&code, writer);
    }
    return writer == 0 ? ESP32_ABILITY_UNKNOWN : calls > 1 ? ESP32_ABILITY_YES : ESP32_ABILITY_NO;
}

enum esp32_ability esp32_bootloader_md5(const uint8_t *bytes, uint32_t size) {
    struct code code = code_of(bytes, size);
    if (find_text(code, MD5) != 0) {
        return ESP32_ABILITY_YES;
    }
    return find_text(code, TABLE) != 0 ? ESP32_ABILITY_NO : ESP32_ABILITY_UNKNOWN;
}
