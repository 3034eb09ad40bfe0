#include "host/foreign.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/bytes.h"
#include "host/esp32.h"
#include "host/tool.h"

static void advise(struct foreign *foreign, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void advise(struct foreign *foreign, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(foreign->advice, sizeof foreign->advice, format, arguments);
    va_end(arguments);
}

static bool begins(const uint8_t *bytes, uint32_t size, const void *mark, uint32_t length) {
    return size >= length && memcmp(bytes, mark, length) == 0;
}

/* Compressed files and archives */

static const struct {
    const char *mark;
    uint8_t length;
    uint16_t offset;
    const char *name;
    const char *advice;
} PACKED[] = {
    {"PK\3\4", 4, 0, "a zip archive", "unpack it ('unzip') and give the .bin file in it"},
    {"\xfd"
     "7zXZ",
     6, 0, "an xz file", "unpack it ('unxz') and give what was in it"},
    {"BZh", 3, 0, "a bzip2 file", "unpack it ('bunzip2') and give what was in it"},
    {"\x28\xb5\x2f\xfd", 4, 0, "a Zstandard file", "unpack it ('unzstd') and give what was in it"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "a 7-Zip archive", "unpack it ('7z x') and give the .bin file in it"},
    {"Rar!\x1a\7", 6, 0, "a RAR archive", "unpack it and give the .bin file in it"},
    {"ustar", 5, 257, "a tar archive", "unpack it ('tar xf') and give the .bin file in it"},
};

static bool is_packed(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    for (size_t index = 0; index < sizeof PACKED / sizeof PACKED[0]; index++) {
        if (size > PACKED[index].offset && begins(bytes + PACKED[index].offset, size - PACKED[index].offset,
                                                  PACKED[index].mark, PACKED[index].length)) {
            foreign->name = PACKED[index].name;
            advise(foreign, "%s", PACKED[index].advice);
            return true;
        }
    }
    return false;
}

/// RFC 1952. Arduino's eboot unpacks such a file by itself, which is why Arduino and Tasmota ship them.
static bool is_gzip(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    char inside[64] = "";
    if (!begins(bytes, size, "\x1f\x8b\x08", 3)) {
        return false;
    }
    if (size > 10 && (bytes[3] & 0x0c) == 0x08) {
        size_t used = 0;
        for (uint32_t at = 10; at < size && used + 1 < sizeof inside && isprint(bytes[at]); at++) {
            inside[used++] = (char)bytes[at];
        }
        inside[used] = 0;
    }
    size_t length = strlen(inside);
    foreign->name = "a gzip file";
    foreign->firmware = length > 4 && strcasecmp(inside + length - 4, ".bin") == 0;
    advise(foreign,
           "unpack it ('gunzip') and give %s%s%s; small files for a device are made with 'oneslot pack --compress'",
           length > 0 ? "'" : "what was in it", inside, length > 0 ? "', which is in it" : "");
    return true;
}

/* Firmware in the wrappings of other tools */

/// Of the list that Microsoft's uf2 repository keeps (utils/uf2families.json), those of Espressif's chips.
static const struct {
    uint32_t number;
    const char *title;
} UF2_FAMILIES[] = {
    {0x7eab61ed, "ESP8266"},  {0x1c5f21b0, "ESP32"},     {0xbfdd4eee, "ESP32-S2"}, {0xc47e5767, "ESP32-S3"},
    {0xd42ba06c, "ESP32-C3"}, {0x2b88d29c, "ESP32-C2"},  {0x540ddf62, "ESP32-C6"}, {0x332726f6, "ESP32-H2"},
    {0xf71c0343, "ESP32-C5"}, {0x77d850c4, "ESP32-C61"}, {0x3d308e94, "ESP32-P4"},
};

// github.com/microsoft/uf2, "File format": blocks of 512 bytes; target address at 12, family at 28 where flag 0x2000.
static bool is_uf2(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    if (size < 32 || word_at(bytes) != 0x0a324655 || word_at(bytes + 4) != 0x9e5d5157) {
        return false;
    }
    const char *chip = "of a chip that is not known here";
    for (size_t index = 0; index < sizeof UF2_FAMILIES / sizeof UF2_FAMILIES[0]; index++) {
        if ((word_at(bytes + 8) & 0x2000) != 0 && word_at(bytes + 28) == UF2_FAMILIES[index].number) {
            chip = UF2_FAMILIES[index].title;
        }
    }
    foreign->name = "a UF2 file";
    foreign->firmware = true;
    advise(foreign,
           "it wraps what goes to 0x%x of the flash (%s); give the .bin file that its maker ships beside it, or what "
           "'uf2conv.py FILE.uf2 -o FILE.bin' unwraps",
           word_at(bytes + 12), chip);
    return true;
}

static bool is_elf(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    if (!begins(bytes, size,
                "\x7f"
                "ELF",
                4) ||
        size < 20) {
        return false;
    }
    uint32_t machine = bytes[18] | (uint32_t)bytes[19] << 8; // ELF gABI, e_machine
    const char *core = machine == 94 ? ", of an Xtensa core" : machine == 243 ? ", of a RISC-V core" : "";
    foreign->name = "an ELF file";
    foreign->firmware = machine == 94 || machine == 243;
    if (!foreign->firmware) {
        advise(foreign, "a program of a computer, not of such a chip");
        return true;
    }
    advise(foreign,
           "what the linker made%s; 'esptool elf2image' with the project's options, or the project's build itself, "
           "makes the .bin file of it",
           core);
    return true;
}

/// A line of `digits` or more hexadecimal digits behind its mark.
static bool is_hex_line(const uint8_t *bytes, uint32_t size, uint32_t digits) {
    uint32_t count = 0;
    while (count < size && isxdigit(bytes[count])) {
        count++;
    }
    return count >= digits && count < size && (bytes[count] == '\r' || bytes[count] == '\n');
}

static bool is_text_of_bytes(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    bool intel = size > 1 && bytes[0] == ':' && is_hex_line(bytes + 1, size - 1, 10);
    bool motorola = size > 2 && bytes[0] == 'S' && isdigit(bytes[1]) && is_hex_line(bytes + 2, size - 2, 6);
    if (!intel && !motorola) {
        return false;
    }
    foreign->name = intel ? "an Intel HEX file" : "a Motorola S-record file";
    foreign->firmware = true;
    advise(foreign, "'objcopy -I %s -O binary FILE FILE.bin' makes the binary file of it", intel ? "ihex" : "srec");
    return true;
}

static bool is_rtos_sdk(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    if (!esp32_rtos_sdk(bytes, size)) {
        return false;
    }
    foreign->name = "an image of ESP8266_RTOS_SDK";
    foreign->firmware = true;
    advise(foreign,
           "it starts under that SDK's own boot loader and partition table, which Oneslot does not serve; what "
           "it serves on an ESP8266 is made with the NONOS SDK: MicroPython, Arduino, NodeMCU, AT");
    return true;
}

/* What else comes under a firmware's name */

static bool is_web_page(const uint8_t *bytes, uint32_t size) {
    uint32_t at = 0;
    while (at < size && at < 64 && isspace(bytes[at])) {
        at++;
    }
    const char *text = (const char *)bytes + at;
    return (size - at > 9 && strncasecmp(text, "<!doctype", 9) == 0) ||
           (size - at > 5 && strncasecmp(text, "<html", 5) == 0);
}

static bool is_filled(const uint8_t *bytes, uint32_t size) {
    for (uint32_t at = 1; at < size; at++) {
        if (bytes[at] != bytes[0]) {
            return false;
        }
    }
    return size >= 64 && (bytes[0] == 0xff || bytes[0] == 0);
}

static bool is_other(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    if (is_web_page(bytes, size)) {
        foreign->name = "a web page";
        advise(foreign, "the download brought a page instead of the file: take the link to the raw file");
    } else if (begins(bytes, size, "version https://git-lfs", 23)) {
        foreign->name = "a pointer of Git LFS";
        advise(foreign, "the file itself lies elsewhere: 'git lfs pull' brings it");
    } else if (size > 16 && memcmp(bytes + 8, "littlefs", 8) == 0) {
        foreign->name = "a littlefs file system";
        advise(foreign, "no firmware is in front of it; 'oneslot image --fs-image' puts one beside a firmware");
    } else if (size >= 32 && size <= 0x1000 && bytes[0] == 0xaa && bytes[1] == 0x50) {
        foreign->name = "a partition table";
        advise(foreign, "'oneslot map check' and 'oneslot image --map' take it; a firmware is a file of its own");
    } else if (is_filled(bytes, size)) {
        foreign->name = bytes[0] == 0xff ? "a file of erased flash" : "a file of zeros";
        advise(foreign, "%u bytes of 0x%02x and nothing else", size, bytes[0]);
    } else {
        return false;
    }
    return true;
}

bool foreign_file(struct foreign *foreign, const uint8_t *bytes, uint32_t size) {
    memset(foreign, 0, sizeof *foreign);
    return is_gzip(foreign, bytes, size) || is_packed(foreign, bytes, size) || is_uf2(foreign, bytes, size) ||
           is_elf(foreign, bytes, size) || is_text_of_bytes(foreign, bytes, size) ||
           is_rtos_sdk(foreign, bytes, size) || is_other(foreign, bytes, size);
}

int foreign_fail(bool json, enum oneslot_error error, const char *path, const uint8_t *bytes, uint32_t size) {
    struct foreign foreign;
    if (foreign_file(&foreign, bytes, size)) {
        return tool_fail(json, error, "%s is %s: %s", path, foreign.name, foreign.advice);
    }
    return tool_fail(json, error, "%s: %s", path, oneslot_error_text(error));
}

/// Whether a name says that its file is a firmware.
static bool named_so(const char *path) {
    static const char *const ENDS[] = {".bin", ".bin.gz", ".osp", ".uf2", ".fw"};
    size_t length = strlen(path);
    for (size_t index = 0; index < sizeof ENDS / sizeof ENDS[0]; index++) {
        size_t end = strlen(ENDS[index]);
        if (length >= end && strcasecmp(path + length - end, ENDS[index]) == 0) {
            return true;
        }
    }
    return false;
}

void foreign_warn(const char *path, const uint8_t *bytes, uint32_t size) {
    struct foreign foreign;
    if (foreign_file(&foreign, bytes, size) && (foreign.firmware || named_so(path))) {
        tool_warn("%s is %s, which cannot be installed: %s", path, foreign.name, foreign.advice);
    }
}
