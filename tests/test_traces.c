/*
 * What the engine asks of the flash, operation by operation, in some thousand cases: as it was when it was last looked
 * at.
 *
 * The other tests say what must be so. This one says that nothing else has changed: each line of tests/traces.txt is a
 * number that stands for every read, program and erase, and for what came of each start, in a small campaign, a story
 * or some lives. Whoever changes the engine on purpose writes the file anew (`make traces`) and says why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oneslot/layout.h"
#include "oneslot/pack.h"
#include "tests/small_upgrade.h"
#include "tests/story/small_story.h"

#define FILE_NAME "tests/traces.txt"
#define LINES     32u

struct line {
    char name[40];
    unsigned long long trace;
};

static struct line lines[LINES];
static size_t line_count;
static bool writes;

static int read_lines(void **state) {
    (void)state;
    writes = getenv("ONESLOT_TRACES") != NULL;
    FILE *file = fopen(FILE_NAME, writes ? "w" : "r");
    if (file == NULL) {
        return -1;
    }
    if (!writes) {
        while (line_count < LINES && fscanf(file, "%39s %llx", lines[line_count].name, &lines[line_count].trace) == 2) {
            line_count++;
        }
    }
    return fclose(file);
}

static int write_lines(void **state) {
    (void)state;
    FILE *file = writes ? fopen(FILE_NAME, "w") : NULL;
    for (size_t i = 0; file != NULL && i < line_count; i++) {
        fprintf(file, "%-24s %016llx\n", lines[i].name, lines[i].trace);
    }
    return file != NULL ? fclose(file) : 0;
}

static const struct line *find(const char *name) {
    for (size_t i = 0; i < line_count; i++) {
        if (strcmp(lines[i].name, name) == 0) {
            return &lines[i];
        }
    }
    return NULL;
}

static bool is_as_it_was(const char *name, unsigned long long trace) {
    if (writes && find(name) == NULL && line_count < LINES) {
        snprintf(lines[line_count].name, sizeof lines->name, "%s", name);
        lines[line_count++].trace = trace;
    }
    const struct line *line = find(name);
    return line != NULL && line->trace == trace;
}

static void assert_as_it_was(const char *name, unsigned long long trace) {
    if (!is_as_it_was(name, trace)) {
        fail_msg("%s: what the engine does is not what it did; if that is meant: make traces", name);
    }
}

/// The packages are compressed by a library: another version of it makes other bytes, and those another story.
static void need_the_same_packages(const struct small_story *parts, const char *name) {
    const struct story_settings *settings = &parts->settings;
    uint32_t crc = oneslot_crc32(0, settings->new_package.bytes, settings->new_package.size);
    crc = oneslot_crc32(crc, settings->old_package.bytes, settings->old_package.size);
    if (!is_as_it_was(name, crc)) {
        print_message("this liblzma packs otherwise than the one that %s was made with\n", FILE_NAME);
        skip();
    }
}

/// What a sanitizer would see here it sees in the other tests, in less time.
static void need_no_sanitizer(void) {
#if defined(__SANITIZE_ADDRESS__)
    print_message("no sanitizers: these traces are compared in the plain build alone, nothing ends this skip\n");
    skip();
#endif
}

static void campaign(const char *name, struct small_upgrade *upgrade) {
    struct campaign_report report;
    char message[160] = "";
    struct campaign_settings *settings = &upgrade->settings;
    settings->step = 500;
    settings->chains = settings->faults = settings->repeats = 24;
    settings->changes = settings->refusals = settings->unstarted = 10;
    settings->files = settings->worn = settings->disturbs = settings->rots = 16;
    if (!campaign_run(settings, &report, message)) {
        fail_msg("%s", message);
    }
    small_upgrade_destroy(upgrade);
    assert_int_equal(campaign_failures(&report), 0);
    print_message("%s: %u cases, %.1f s\n", name, (unsigned)report.cases, report.seconds);
    assert_as_it_was(name, report.flash.trace);
}

static void a_campaign_on_the_esp8266(void **state) {
    (void)state;
    need_no_sanitizer();
    struct small_upgrade upgrade;
    small_upgrade_create(&upgrade, 0x22800u, 0x2000u);
    campaign("campaign-esp8266", &upgrade);
}

static void a_campaign_on_the_esp32(void **state) {
    (void)state;
    need_no_sanitizer();
    struct small_upgrade upgrade;
    small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32, 0x22800u, 0x2000u);
    campaign("campaign-esp32", &upgrade);
}

static void stories_and_lives(const char *family, uint16_t chip, bool installers) {
    struct small_story parts;
    char name[40];
    char message[160] = "";
    need_no_sanitizer();
    small_story_create(&parts, chip);
    snprintf(name, sizeof name, "packages-%s", family);
    need_the_same_packages(&parts, name);
    parts.settings.step = 1000;
    parts.settings.chains = parts.settings.changes = 3;
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        struct story_report report;
        if (!installers && (i == STORY_INSTALLER || i == STORY_DEAD)) {
            continue;
        }
        assert_true(story_run((enum story)i, &parts.settings, &report, message));
        snprintf(name, sizeof name, "%s-%s", story_name((enum story)i), family);
        print_message("%s: %u cases, %.1f s\n", name, (unsigned)report.campaign.cases, report.campaign.seconds);
        assert_as_it_was(name, report.campaign.flash.trace);
    }
    struct lives_settings settings;
    struct lives_report report;
    small_story_lives(&settings, &parts);
    settings.lives = 60;
    settings.seed = 7;
    assert_true(lives_run(&settings, &report, message));
    snprintf(name, sizeof name, "lives-%s", family);
    print_message("%s: %u cases, %.1f s\n", name, (unsigned)report.campaign.cases, report.campaign.seconds);
    assert_as_it_was(name, report.campaign.flash.trace);
    small_story_destroy(&parts);
}

static void stories_and_lives_on_the_esp8266(void **state) {
    (void)state;
    stories_and_lives("esp8266", ONESLOT_CHIP_ESP8266, true);
}

static void stories_and_lives_on_the_esp32(void **state) {
    (void)state;
    stories_and_lives("esp32c3", ONESLOT_CHIP_ESP32C3, false);
}

/* What a device compresses, byte for byte. */

#define CODE_SIZE 0x18000u

struct packing {
    const uint8_t *code;
    uint32_t crc;
};

static enum oneslot_error give(void *context, uint32_t offset, void *buffer, uint32_t length) {
    const struct packing *packing = context;
    memcpy(buffer, packing->code + offset, length);
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error take(void *context, const void *data, uint32_t length) {
    struct packing *packing = context;
    packing->crc = oneslot_crc32(packing->crc, data, length);
    return ONESLOT_ERROR_NONE;
}

/// Calls and loads of both families, words that come again near and far, text, zeros and noise.
static void make_code(uint8_t *code) {
    static const char text[] = "the same words come again, and again other words come\n";
    uint64_t random = 5;
    for (uint32_t at = 0; at < CODE_SIZE;) {
        uint32_t kind = nor_random_below(&random, 8);
        uint32_t length = 4 + nor_random_below(&random, 300);
        for (; length > 0 && at < CODE_SIZE; length--, at++) {
            static const uint8_t calls[] = {0x05, 0xc5, 0x21, 0x00, 0xef, 0x6f, 0x97, 0xe7};
            uint8_t byte = 0;
            if (kind < 3 && at > 0x200) {
                byte = code[at - 1u - (kind == 0 ? 0x1ffu : kind == 1 ? 3u : at / 2u)];
            } else if (kind < 5) {
                byte = at % 3 == 0 ? calls[nor_random_below(&random, 8)] : (uint8_t)nor_random_below(&random, 16);
            } else if (kind == 5) {
                byte = (uint8_t)text[at % (sizeof text - 1)];
            } else if (kind == 6) {
                byte = (uint8_t)nor_next_random(&random);
            }
            code[at] = byte;
        }
    }
}

static void what_a_device_compresses(void **state) {
    (void)state;
    static const uint32_t memories[] = {ONESLOT_PACK_MEMORY_LEAST, 20000, 49152, ONESLOT_PACK_MEMORY_MOST + 4};
    static _Alignas(8) uint8_t memory[ONESLOT_PACK_MEMORY_MOST + 8];
    static uint8_t code[CODE_SIZE];
    make_code(code);
    for (uint32_t filter = ONESLOT_FILTER_NONE; filter <= ONESLOT_FILTER_RISCV; filter++) {
        struct packing packing = {.code = code};
        uint32_t sizes = 0;
        for (size_t i = 0; i < sizeof memories / sizeof memories[0]; i++) {
            for (uint32_t size = CODE_SIZE; size > 0; size /= 7) {
                struct oneslot_unpack_stream stream = {.size = size, .filter = (uint8_t)filter};
                assert_int_equal(oneslot_pack(&stream, memory, memories[i], give, take, &packing), ONESLOT_ERROR_NONE);
                sizes = sizes * 31 + stream.packed_size + stream.dictionary;
            }
        }
        char name[40];
        snprintf(name, sizeof name, "packed-%u", (unsigned)filter);
        assert_as_it_was(name, (unsigned long long)sizes << 32 | packing.crc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_device_compresses),       cmocka_unit_test(a_campaign_on_the_esp8266),
        cmocka_unit_test(a_campaign_on_the_esp32),        cmocka_unit_test(stories_and_lives_on_the_esp8266),
        cmocka_unit_test(stories_and_lives_on_the_esp32),
    };
    return cmocka_run_group_tests_name("traces", tests, read_lines, write_lines);
}
