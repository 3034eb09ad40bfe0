/* Saving the firmware that runs: the file holds it byte for byte, in any memory, and goes back in as a fallback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "bearssl_hash.h"
#include "oneslot/chip.h"
#include "oneslot/package.h"
#include "oneslot/save.h"
#include "sim/device.h"
#include "sim/provision.h"
#include "tests/synthetic.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x200000u
#define RESERVED   0xf4000u
#define FS_START   0x100000u
#define FS_SIZE    (FLASH_SIZE - 5u * ONESLOT_SECTOR_SIZE - FS_START)
#define OLD_SIZE   0xb404u
#define NEW_SIZE   0xc470u
#define SAVED      "/old.osp"

static uint8_t old_image[OLD_SIZE];
static uint8_t new_image[NEW_SIZE];
static uint8_t *flash_bytes;
static _Alignas(4) uint8_t memory[ONESLOT_PACK_MEMORY_MOST + 16u];

/* The file that is written */

struct file {
    uint8_t *bytes;
    uint32_t size;
    uint32_t promised;
    uint32_t progress;
    uint32_t calls;
    uint32_t room; ///< the write that goes past it fails
    enum oneslot_error refuse;
};

static struct file empty_file(void) {
    return (struct file){.bytes = malloc(FLASH_SIZE), .room = FLASH_SIZE};
}

static enum oneslot_error begin(void *context, uint32_t size) {
    struct file *file = context;
    assert_int_equal(file->size, 0);
    file->promised = size;
    return file->refuse;
}

static enum oneslot_error take(void *context, const void *data, uint32_t length) {
    struct file *file = context;
    assert_true(file->promised > 0);
    assert_in_range(length, 1, 4096);
    if (length > file->room - file->size) {
        return ONESLOT_ERROR_FILE_WRITE;
    }
    memcpy(file->bytes + file->size, data, length);
    file->size += length;
    return ONESLOT_ERROR_NONE;
}

static void progress(void *context, uint32_t done, uint32_t total) {
    struct file *file = context;
    assert_true(done > file->progress && done <= total && done - file->progress <= 8192);
    file->progress = done;
    file->calls++;
    if (done == total) {
        file->progress = 0;
    }
}

/* The device that is saved */

static struct sim_memory chip;

static struct oneslot application(void) {
    struct oneslot oneslot;
    struct oneslot_flash flash = sim_memory_flash(&chip);
    assert_int_equal(oneslot_open(&oneslot, &flash), ONESLOT_ERROR_NONE);
    return oneslot;
}

static void provision(const uint8_t *image, uint32_t size) {
    const struct sim_provision parts = {.flash_size = FLASH_SIZE, .firmware = image, .firmware_size = size};
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
    chip = (struct sim_memory){flash_bytes, FLASH_SIZE};
}

/// Lets a device differ from the file where devices do: flash mode, size and clock.
static void own_header(void) {
    flash_bytes[2] = flash_bytes[RESERVED + 2] = 0x5a;
    flash_bytes[3] = flash_bytes[RESERVED + 3] = 0x4f;
}

static enum oneslot_error save(struct file *file, bool plain, uint32_t memory_size) {
    struct oneslot oneslot = application();
    const struct oneslot_save_options options = {.plain = plain,
                                                 .memory = memory,
                                                 .memory_size = memory_size,
                                                 .context = file,
                                                 .begin = begin,
                                                 .progress = progress};
    memset(memory + memory_size, 0xa5, 16);
    enum oneslot_error error = oneslot_save(&oneslot, &options, take);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(memory[memory_size + i], 0xa5);
    }
    return error;
}

static enum oneslot_error view_bytes(void *context, struct oneslot_source *source, uint32_t offset, void *buffer,
                                     uint32_t length) {
    (void)source;
    memcpy(buffer, (const uint8_t *)context + offset, length);
    return ONESLOT_ERROR_NONE;
}

struct payload {
    const uint8_t *bytes;
};

static enum oneslot_error read_payload(void *context, uint32_t offset, void *buffer, uint32_t length) {
    memcpy(buffer, ((const struct payload *)context)->bytes + offset, length);
    return ONESLOT_ERROR_NONE;
}

/// Opens a saved package with the installer's own code and compares what is inside. Returns whether it is compressed.
static bool assert_holds(const struct file *file, const uint8_t *image, uint32_t size,
                         struct oneslot_package *package) {
    static struct oneslot_unpack unpack;
    struct oneslot_source source;
    const struct oneslot_trust nobody = {0};
    uint8_t *unpacked = malloc(size);
    memset(&source, 0, sizeof source);
    oneslot_source_set_view(&source, file->size, view_bytes, file->bytes);
    assert_int_equal(oneslot_package_open(package, &source), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_package_check(package, &source, &nobody, memory, NULL, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(package->unpacked_size, size);
    const uint8_t *bytes = file->bytes + package->payload;
    if (package->codec != 0) {
        struct payload payload = {bytes};
        struct oneslot_unpack_stream stream = {.packed_size = package->payload_size, .size = size};
        assert_int_equal(oneslot_unpack_parameters(&stream, package->parameters, package->parameters_size),
                         ONESLOT_ERROR_NONE);
        assert_int_equal(oneslot_unpack_start(&unpack, &stream, read_payload, &payload), ONESLOT_ERROR_NONE);
        assert_int_equal(oneslot_unpack_read(&unpack, unpacked, size), ONESLOT_ERROR_NONE);
        bytes = unpacked;
    }
    assert_memory_equal(bytes, image, size);
    free(unpacked);
    return package->codec != 0;
}

/* Images */

/// Runs, repeats and noise: what compresses as code does.
static void thin_out(uint8_t *image, uint32_t size, uint32_t seed) {
    for (uint32_t i = 0x9000; i < size - 0x800u; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t back = 1u + (seed >> 20) % 700u;
        image[i] = seed >> 29 == 0 ? (uint8_t)(seed >> 8) : image[i - back % 16u * 40u - 1u];
    }
    synthetic_seal(image, size);
}

static int make_images(void **state) {
    (void)state;
    flash_bytes = malloc(FLASH_SIZE);
    synthetic_micropython(old_image, OLD_SIZE, 1, 0);
    synthetic_micropython(new_image, NEW_SIZE, 2, 0);
    thin_out(old_image, OLD_SIZE, 3);
    thin_out(new_image, NEW_SIZE, 4);
    return flash_bytes == NULL;
}

static int free_images(void **state) {
    (void)state;
    free(flash_bytes);
    return 0;
}

/* The tests */

static void a_plain_save_is_the_file_that_was_installed(void **state) {
    (void)state;
    static const uint32_t sizes[] = {ONESLOT_SAVE_MEMORY_LEAST, 1003, 4096, ONESLOT_PACK_MEMORY_MOST};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct file file = empty_file();
        provision(old_image, OLD_SIZE);
        own_header();
        assert_int_equal(save(&file, true, sizes[i]), ONESLOT_ERROR_NONE);
        assert_int_equal(file.size, OLD_SIZE);
        assert_int_equal(file.promised, OLD_SIZE);
        assert_memory_equal(file.bytes, old_image, OLD_SIZE);
        assert_int_equal(file.calls, 2u * ((OLD_SIZE + 4095u) / 4096u));
        free(file.bytes);
    }
}

static void a_package_holds_the_image_whatever_memory_there_is(void **state) {
    (void)state;
    static const uint32_t sizes[] = {ONESLOT_SAVE_MEMORY_LEAST,
                                     ONESLOT_PACK_MEMORY_LEAST - 1u,
                                     ONESLOT_PACK_MEMORY_LEAST,
                                     ONESLOT_PACK_MEMORY_LEAST + 1u,
                                     ONESLOT_PACK_MEMORY_LEAST + 333u,
                                     20000u,
                                     32768u,
                                     49152u,
                                     ONESLOT_PACK_MEMORY_MOST};
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct file file = empty_file();
        struct oneslot_package package;
        provision(old_image, OLD_SIZE);
        own_header();
        assert_int_equal(save(&file, false, sizes[i]), ONESLOT_ERROR_NONE);
        assert_int_equal(file.size, file.promised);
        assert_int_equal(assert_holds(&file, old_image, OLD_SIZE, &package), sizes[i] >= ONESLOT_PACK_MEMORY_LEAST);
        assert_int_equal(package.kind, ONESLOT_IMAGE_MICROPYTHON);
        assert_int_equal(package.chip, ONESLOT_CHIP_ESP8266);
        print_message("%u bytes of memory: %u\n", sizes[i], file.size);
        last = file.size;
        free(file.bytes);
    }
    assert_true(last < OLD_SIZE * 9u / 10u);
}

static void bytes_that_do_not_compress_go_into_a_package_as_they_are(void **state) {
    (void)state;
    static uint8_t noise[OLD_SIZE];
    struct file file = empty_file();
    struct oneslot_package package;
    synthetic_micropython(noise, OLD_SIZE, 7, 0);
    provision(noise, OLD_SIZE);
    assert_int_equal(save(&file, false, 49152), ONESLOT_ERROR_NONE);
    assert_true(file.size < OLD_SIZE + 200u);
    (void)assert_holds(&file, noise, OLD_SIZE, &package);
    free(file.bytes);
}

static void a_user1_image_is_saved_without_the_boot_loader_before_it(void **state) {
    (void)state;
    static uint8_t both[0x1000 + 0x5000];
    static const uint8_t user1[16] = {0xea, 4, 0, 1};
    struct file file = empty_file();
    memset(both, 0x11, sizeof both);
    memcpy(both, (const uint8_t[]){0xe9, 1, 0, 0}, 4);
    memcpy(both + 0x1000, user1, sizeof user1);
    provision(both, sizeof both);
    // What the simulator does not take for a user1 image, because there is little more of it than its first bytes.
    struct oneslot oneslot = application();
    struct oneslot_journal journal = {&oneslot.flash, oneslot.layout.journal};
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, both + 0x1000, 0x5000);
    br_sha256_out(&sha256, oneslot.record.installed);
    oneslot.record.installed_kind = ONESLOT_IMAGE_USER1;
    oneslot.record.installed_size = 0x5000;
    memcpy(&oneslot.record.installed_header, user1, sizeof oneslot.record.installed_header);
    assert_int_equal(oneslot_journal_append(&journal, &oneslot.record, NULL), ONESLOT_ERROR_NONE);
    own_header();
    assert_int_equal(save(&file, true, 4096), ONESLOT_ERROR_NONE);
    assert_int_equal(file.size, 0x5000);
    assert_memory_equal(file.bytes, both + 0x1000, 0x5000);
    free(file.bytes);
}

/* What keeps it from being saved: nothing is written then. */

static void put_record(void (*change)(struct oneslot_record *record)) {
    struct oneslot oneslot = application();
    struct oneslot_journal journal = {&oneslot.flash, oneslot.layout.journal};
    change(&oneslot.record);
    assert_int_equal(oneslot_journal_append(&journal, &oneslot.record, NULL), ONESLOT_ERROR_NONE);
}

static void no_size(struct oneslot_record *record) {
    record->installed_size = 0;
}

static void no_digest(struct oneslot_record *record) {
    memset(record->installed, 0, sizeof record->installed);
}

static void too_large(struct oneslot_record *record) {
    record->installed_size = RESERVED + 1u;
}

static void installing(struct oneslot_record *record) {
    record->state = ONESLOT_STATE_INSTALLING;
}

static void another_header(struct oneslot_record *record) {
    record->installed_header ^= 0x10000u;
}

static void no_change(struct oneslot_record *record) {
    (void)record;
}

static void an_application_of_the_esp32_family_is_saved_for_its_chip(void **state) {
    static const struct {
        uint16_t chip;
        uint8_t filter;
    } cases[] = {
        {ONESLOT_CHIP_ESP32, ONESLOT_FILTER_LX6},
        {ONESLOT_CHIP_ESP32S3, ONESLOT_FILTER_LX6},
        {ONESLOT_CHIP_ESP32C3, ONESLOT_FILTER_RISCV},
    };
    static uint8_t image[0x9000];
    static _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    uint8_t *flash_4m = malloc(0x400000u);
    (void)state;
    assert_non_null(flash_4m);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct oneslot_chip of;
        struct oneslot oneslot;
        struct oneslot_package package;
        struct file file = empty_file();
        oneslot_esp32_chip(&of, cases[i].chip, 0);
        synthetic_esp32(image, sizeof image, cases[i].chip, 5, 0);
        memset(image + 0x4000, 0x13, 0x4000);
        synthetic_esp32_seal(image, sizeof image);
        const struct sim_provision parts = {
            .flash_size = 0x400000u, .chip = &of, .firmware = image, .firmware_size = sizeof image};
        assert_int_equal(sim_provision(flash_4m, &parts, NULL), ONESLOT_ERROR_NONE);
        chip = (struct sim_memory){flash_4m, 0x400000u};
        struct oneslot_flash flash = sim_memory_flash(&chip);
        assert_int_equal(oneslot_open_table(&oneslot, &flash, working), ONESLOT_ERROR_NONE);
        struct oneslot_save_options options = {
            .memory = memory, .memory_size = ONESLOT_PACK_MEMORY_MOST, .context = &file, .begin = begin};
        assert_int_equal(oneslot_save(&oneslot, &options, take), ONESLOT_ERROR_NONE);
        assert_true(assert_holds(&file, image, sizeof image, &package));
        assert_int_equal(package.chip, cases[i].chip);
        assert_int_equal(package.kind, ONESLOT_IMAGE_ESP32);
        assert_int_equal(package.parameters[0], cases[i].filter);
        file.size = 0;
        options.plain = true;
        assert_int_equal(oneslot_save(&oneslot, &options, take), ONESLOT_ERROR_NONE);
        assert_int_equal(file.size, sizeof image);
        assert_memory_equal(file.bytes, image, sizeof image);
        free(file.bytes);
    }
    free(flash_4m);
}

static void what_is_not_known_or_not_right_is_named_before_a_byte_is_written(void **state) {
    (void)state;
    static const struct {
        void (*change)(struct oneslot_record *record);
        uint32_t damaged; ///< address of a byte in flash; 0: none
        enum oneslot_error reason;
    } cases[] = {
        {no_size, 0, ONESLOT_ERROR_IMAGE_NOT_KNOWN},     {no_digest, 0, ONESLOT_ERROR_IMAGE_NOT_KNOWN},
        {too_large, 0, ONESLOT_ERROR_IMAGE_NOT_KNOWN},   {installing, 0, ONESLOT_ERROR_BUSY},
        {another_header, 0, ONESLOT_ERROR_FLASH_VERIFY}, {no_change, RESERVED + 77u, ONESLOT_ERROR_FLASH_VERIFY},
        {no_change, 0x1000, ONESLOT_ERROR_FLASH_VERIFY}, {no_change, OLD_SIZE - 1u, ONESLOT_ERROR_FLASH_VERIFY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int plain = 0; plain < 2; plain++) {
            struct file file = empty_file();
            provision(old_image, OLD_SIZE);
            put_record(cases[i].change);
            flash_bytes[cases[i].damaged] ^= cases[i].damaged != 0;
            assert_string_equal(oneslot_error_name(save(&file, plain, 16384)), oneslot_error_name(cases[i].reason));
            assert_int_equal(file.promised, 0);
            assert_int_equal(file.size, 0);
            free(file.bytes);
        }
    }
}

static void bytes_2_and_3_of_the_device_do_not_matter_but_all_others_do(void **state) {
    (void)state;
    struct file file = empty_file();
    provision(old_image, OLD_SIZE);
    own_header();
    flash_bytes[RESERVED + 4] ^= 1;
    assert_int_equal(save(&file, true, 4096), ONESLOT_ERROR_FLASH_VERIFY);
    free(file.bytes);
}

static void what_the_callbacks_say_is_passed_up(void **state) {
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct file file = empty_file();
        provision(old_image, OLD_SIZE);
        file.refuse = ONESLOT_ERROR_FILE_NO_ROOM;
        assert_int_equal(save(&file, plain, 16384), ONESLOT_ERROR_FILE_NO_ROOM);
        assert_int_equal(file.size, 0);
        free(file.bytes);
        // A write that fails anywhere, the very last one too.
        file = empty_file();
        assert_int_equal(save(&file, plain, 16384), ONESLOT_ERROR_NONE);
        uint32_t whole = file.size;
        const uint32_t rooms[] = {0, 1, 31, 32, 33, whole / 2u, whole - 41u, whole - 1u};
        for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
            uint32_t room = rooms[i];
            file.size = file.progress = 0;
            file.room = room;
            assert_int_equal(save(&file, plain, 16384), ONESLOT_ERROR_FILE_WRITE);
        }
        free(file.bytes);
    }
    struct file file = empty_file();
    assert_int_equal(save(&file, true, ONESLOT_SAVE_MEMORY_LEAST - 1u), ONESLOT_ERROR_ARGUMENT);
    free(file.bytes);
}

/* The encoder by itself */

static enum oneslot_error read_bytes(void *context, uint32_t offset, void *buffer, uint32_t length) {
    assert_true(length <= 64);
    memcpy(buffer, (const uint8_t *)context + offset, length);
    return ONESLOT_ERROR_NONE;
}

static struct file packed;

static enum oneslot_error keep(void *context, const void *data, uint32_t length) {
    (void)context;
    memcpy(packed.bytes + packed.size, data, length);
    packed.size += length;
    return ONESLOT_ERROR_NONE;
}

static void assert_comes_back(uint8_t *bytes, uint32_t size, uint8_t filter, uint32_t memory_size) {
    static struct oneslot_unpack unpack;
    struct oneslot_unpack_stream stream = {.size = size, .filter = filter};
    uint8_t *back = malloc(size);
    packed.size = 0;
    assert_int_equal(oneslot_pack(&stream, memory, memory_size, read_bytes, keep, bytes), ONESLOT_ERROR_NONE);
    assert_int_equal(stream.packed_size, packed.size);
    struct oneslot_unpack_stream measured = {.size = size, .filter = filter};
    assert_int_equal(oneslot_pack(&measured, memory, memory_size, read_bytes, NULL, bytes), ONESLOT_ERROR_NONE);
    assert_memory_equal(&measured, &stream, sizeof stream);
    struct payload payload = {packed.bytes};
    assert_int_equal(oneslot_unpack_start(&unpack, &stream, read_payload, &payload), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_unpack_read(&unpack, back, size), ONESLOT_ERROR_NONE);
    assert_memory_equal(back, bytes, size);
    free(back);
}

static void every_kind_of_content_comes_back(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 8, 63, 64, 65, 72, 273, 274, 275, 5000, 60001, 140000};
    uint8_t *bytes = malloc(140000);
    packed = empty_file();
    for (uint32_t kind = 0; kind < 6; kind++) {
        uint32_t seed = kind;
        for (uint32_t i = 0; i < 140000; i++) {
            seed = seed * 1664525u + 1013904223u;
            const uint8_t content[] = {0,
                                       0xff,
                                       (uint8_t)(seed >> 24),
                                       (uint8_t)(i % 3u + i / 997u),
                                       (uint8_t)(seed >> 31 ? 0x05 : seed >> 24),
                                       (uint8_t)(i > 900 && seed >> 27 ? bytes[i - 1 - i / 400u % 900u] : seed >> 25)};
            bytes[i] = content[kind];
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (uint8_t filter = ONESLOT_FILTER_NONE; filter <= ONESLOT_FILTER_RISCV; filter++) {
                assert_comes_back(bytes, sizes[i], filter, ONESLOT_PACK_MEMORY_LEAST + 997u * (filter + kind));
            }
        }
    }
    assert_comes_back(bytes, 140000, ONESLOT_FILTER_LX106, ONESLOT_PACK_MEMORY_MOST);
    free(packed.bytes);
    free(bytes);
}

static void what_cannot_be_packed_is_an_argument_out_of_range(void **state) {
    (void)state;
    struct oneslot_unpack_stream good = {.size = 10};
    struct oneslot_unpack_stream nothing = {.size = 0};
    struct oneslot_unpack_stream filter = {.size = 10, .filter = 9};
    assert_int_equal(oneslot_pack(&good, memory, ONESLOT_PACK_MEMORY_LEAST - 1u, read_bytes, NULL, old_image),
                     ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_pack(&nothing, memory, 16384, read_bytes, NULL, old_image), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_pack(&filter, memory, 16384, read_bytes, NULL, old_image), ONESLOT_ERROR_ARGUMENT);
}

static uint32_t xz_size(const uint8_t *bytes, uint32_t size) {
    lzma_options_lzma options;
    size_t length = 0;
    uint8_t *to = malloc(2u * size + 1024u);
    assert_false(lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME));
    lzma_filter chain[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    assert_int_equal(
        lzma_stream_buffer_encode(chain, LZMA_CHECK_CRC64, NULL, bytes, size, to, &length, 2u * size + 1024u), LZMA_OK);
    free(to);
    return (uint32_t)length;
}

static void real_images_are_saved_within_a_tenth_of_xz(void **state) {
    (void)state;
    static const char *const names[] = {"mp8266-v1.24.0.bin", "wled8266-0.14.3.bin", "nodemcu-20150107.bin"};
    const char *folder = getenv("ONESLOT_FIRMWARE");
    uint32_t done = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "../shared/firmware", names[i]);
        FILE *stream = fopen(path, "rb");
        if (stream == NULL) {
            continue;
        }
        uint8_t *image = malloc(RESERVED);
        uint32_t size = (uint32_t)fread(image, 1, RESERVED, stream);
        fclose(stream);
        provision(image, size);
        own_header();
        print_message("%s: %u bytes, xz -9e %u, saved in", names[i], size, xz_size(image, size));
        for (uint32_t kilobytes = 16; kilobytes <= 48; kilobytes += 16) {
            struct file file = empty_file();
            struct oneslot_package package;
            assert_int_equal(save(&file, false, 1024u * kilobytes), ONESLOT_ERROR_NONE);
            assert_true(assert_holds(&file, image, size, &package));
            print_message(" %u KiB: %u", kilobytes, file.size);
            assert_true(file.size < xz_size(image, size) / 10u * 11u);
            free(file.bytes);
        }
        print_message("\n");
        free(image);
        done++;
    }
    if (done == 0) {
        print_message("no real images are here\n");
        skip();
    }
}

/* There and back: the application saves itself to a littlefs, a trial fails, what was saved is put back. */

struct there {
    const char *name;
    bool plain;
    bool unproven; ///< the old firmware has no proof of its own
    bool changed;  ///< somebody has put another image into the saved file, which proves nothing of itself
    bool cut;      ///< the power is cut at each operation while the fallback is put back
    enum sim_runs runs;
    enum oneslot_error outcome;
};

/// The trial is over: what the next power-up starts, with a cut at operation `cut` of it. Returns whether the cut
/// struck.
static bool assert_comes_back_after(const struct sim_device *trial, const struct there *there, uint32_t cut) {
    struct sim_device device;
    struct oneslot_record record;
    uint32_t address = 0;
    bool struck = false;
    sim_device_fork(&device, trial);
    nor_count_from_zero(&device.nor);
    if (there->cut) {
        const struct nor_fault fault = {.kind = NOR_FAULT_CUT, .at = cut, .tear = NOR_MIX_WEAK};
        nor_plan(&device.nor, fault);
        struck = sim_power_on(&device) == SIM_CUT;
    }
    assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
    assert_int_equal(sim_runs(&device), there->runs);
    assert_true(sim_untouched(&device, &address));
    assert_int_equal(device.nor.violations, 0);
    assert_int_equal(sim_journal(&device, &record), ONESLOT_ERROR_NONE);
    assert_string_equal(oneslot_error_name((enum oneslot_error)record.outcome), oneslot_error_name(there->outcome));
    sim_device_discard(&device);
    return struck;
}

static void go_there_and_back(const struct there *there) {
    static uint8_t old[OLD_SIZE];
    struct file saved = empty_file();
    memcpy(old, old_image, sizeof old);
    if (there->unproven) {
        memset(old + 0x8ffc, 0xff, 4);
    }
    provision(old, OLD_SIZE);
    assert_int_equal(save(&saved, there->plain, 16384), ONESLOT_ERROR_NONE);
    if (there->changed) {
        saved.bytes[0x9100] ^= 1;
    }
    const struct sim_file files[] = {{SAVED, saved.bytes, saved.size}, {"/new.bin", new_image, NEW_SIZE}};
    struct sim_provision parts = {
        .flash_size = FLASH_SIZE, .firmware = old, .firmware_size = OLD_SIZE, .file = files, .files = 2};
    struct sim_device device;
    struct nor provisioned;
    struct oneslot oneslot;
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(sim_device_create(&device, NULL, flash_bytes, FLASH_SIZE, 1), ONESLOT_ERROR_NONE);
    device.old_firmware = (struct sim_firmware){old, OLD_SIZE};
    device.new_firmware = (struct sim_firmware){new_image, NEW_SIZE};
    nor_copy(&provisioned, &device.nor);
    device.provisioned = &provisioned;
    struct oneslot_flash flash = nor_flash(&device.nor);
    const struct oneslot_options options = {.fallback = SAVED, .trial_boots = 1};
    assert_int_equal(oneslot_open(&oneslot, &flash), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_request(&oneslot, "/new.bin", &options), ONESLOT_ERROR_NONE);
    assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
    // What could not be put back is found out before anything is touched.
    assert_int_equal(sim_runs(&device), there->changed ? SIM_RUNS_OLD : SIM_RUNS_NEW);
    uint32_t cut = 0;
    while (assert_comes_back_after(&device, there, cut)) {
        cut += cut < 20 ? 1 : 9; // Nearly all operations program a page of the image.
    }
    assert_true(there->cut ? cut > 100 : cut == 0);
    nor_destroy(&provisioned);
    sim_device_destroy(&device);
    free(saved.bytes);
}

static void what_was_saved_is_put_back_after_a_trial_that_nobody_confirmed(void **state) {
    (void)state;
    static const struct there cases[] = {
        {"a package", .runs = SIM_RUNS_OLD, .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
        {"a plain image", .plain = true, .runs = SIM_RUNS_OLD, .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
        {"a plain image that proves nothing", .plain = true, .unproven = true, .runs = SIM_RUNS_OLD,
         .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
        {"another one", .plain = true, .unproven = true, .changed = true, .runs = SIM_RUNS_OLD,
         .outcome = ONESLOT_ERROR_WAY_BACK},
        {"cuts", .cut = true, .runs = SIM_RUNS_OLD, .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
        {"cuts, nothing proven", .plain = true, .unproven = true, .cut = true, .runs = SIM_RUNS_OLD,
         .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].name);
        go_there_and_back(&cases[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_save_is_the_file_that_was_installed),
        cmocka_unit_test(a_package_holds_the_image_whatever_memory_there_is),
        cmocka_unit_test(bytes_that_do_not_compress_go_into_a_package_as_they_are),
        cmocka_unit_test(a_user1_image_is_saved_without_the_boot_loader_before_it),
        cmocka_unit_test(an_application_of_the_esp32_family_is_saved_for_its_chip),
        cmocka_unit_test(what_is_not_known_or_not_right_is_named_before_a_byte_is_written),
        cmocka_unit_test(bytes_2_and_3_of_the_device_do_not_matter_but_all_others_do),
        cmocka_unit_test(what_the_callbacks_say_is_passed_up),
        cmocka_unit_test(every_kind_of_content_comes_back),
        cmocka_unit_test(what_cannot_be_packed_is_an_argument_out_of_range),
        cmocka_unit_test(real_images_are_saved_within_a_tenth_of_xz),
        cmocka_unit_test(what_was_saved_is_put_back_after_a_trial_that_nobody_confirmed),
    };
    return cmocka_run_group_tests(tests, make_images, free_images);
}
