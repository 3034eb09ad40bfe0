/*
 * One kind of test for swallowed errors: in each scenario every single read, program and erase fails once, at every
 * place in turn. One failure is tried again and all is well; one that stays, or after which nothing works any more
 * until the next reset, has a name, or all is well nevertheless.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/device.h"
#include "sim/provision.h"
#include "tests/synthetic.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x100000u
#define RESERVED   0x20000u
#define FS_START   0x60000u
#define FS_SIZE    0x40000u
#define NEW_PATH   "/new.bin"
#define OLD_PATH   "/old.bin"

/// Each flash call is tried three times; what is looked at twice is gone after six.
#define FOR_GOOD 6u
/// From there on until the power goes.
#define FOR_EVER 0x1000000u

struct bench {
    struct oneslot_chip chip;
    struct sim_device device;
    struct nor provisioned;
    uint8_t *images[2];
    uint32_t size;
};

static void create(struct bench *bench, uint16_t chip) {
    memset(bench, 0, sizeof *bench);
    bool esp32 = chip != ONESLOT_CHIP_ESP8266;
    bench->size = esp32 ? 0x1840u : SYNTHETIC_MINIMUM + 0x400u;
    for (uint8_t i = 0; i < 2; i++) {
        bench->images[i] = malloc(bench->size);
        assert_non_null(bench->images[i]);
        if (esp32) {
            synthetic_esp32(bench->images[i], bench->size, chip, i + 1u, 0);
        } else {
            synthetic_micropython(bench->images[i], bench->size, i + 1u, 0);
        }
    }
    if (esp32) {
        oneslot_esp32_chip(&bench->chip, chip, 4);
    }
    const struct sim_file files[] = {{OLD_PATH, bench->images[0], bench->size},
                                     {NEW_PATH, bench->images[1], bench->size}};
    const struct sim_provision parts = {.chip = esp32 ? &bench->chip : NULL,
                                        .flash_size = FLASH_SIZE,
                                        .firmware = bench->images[0],
                                        .firmware_size = bench->size,
                                        .reserved = RESERVED,
                                        .fs_start = FS_START,
                                        .fs_size = FS_SIZE,
                                        .file = files,
                                        .files = 2};
    uint8_t *flash = malloc(FLASH_SIZE);
    assert_int_equal(sim_provision(flash, &parts, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(sim_device_create(&bench->device, parts.chip, flash, FLASH_SIZE, 1), ONESLOT_ERROR_NONE);
    free(flash);
    bench->device.old_firmware = (struct sim_firmware){bench->images[0], bench->size};
    bench->device.new_firmware = (struct sim_firmware){bench->images[1], bench->size};
    nor_copy(&bench->provisioned, &bench->device.nor);
    bench->device.provisioned = &bench->provisioned;
    assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
}

static void destroy(struct bench *bench) {
    nor_destroy(&bench->provisioned);
    sim_device_destroy(&bench->device);
    free(bench->images[0]);
    free(bench->images[1]);
}

/* What is done. */

static void request(struct sim_device *device) {
    (void)sim_request(device, NEW_PATH, NULL);
}

static void request_trial(struct sim_device *device) {
    const struct oneslot_options options = {.fallback = OLD_PATH, .trial_boots = 1};
    (void)sim_request_with(device, NEW_PATH, &options);
}

static void cancel_deed(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    struct oneslot oneslot;
    (void)context;
    device->last = sim_open(device, &oneslot, flash);
    device->last = device->last == ONESLOT_ERROR_NONE ? oneslot_cancel(&oneslot) : device->last;
}

static void cancel(struct sim_device *device) {
    (void)sim_act(device, cancel_deed, NULL);
}

static void confirm_deed(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    struct oneslot oneslot;
    (void)context;
    device->last = sim_open(device, &oneslot, flash);
    device->last = device->last == ONESLOT_ERROR_NONE ? oneslot_confirm(&oneslot) : device->last;
}

static void confirm(struct sim_device *device) {
    (void)sim_act(device, confirm_deed, NULL);
}

static void power_on(struct sim_device *device) {
    (void)sim_power_on(device);
}

/* What it must have come to; `well`: nothing failed for good. */

static struct oneslot_record record_of(struct sim_device *device) {
    struct oneslot_record record;
    enum oneslot_error error = sim_journal(device, &record);
    assert_true(error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_EMPTY);
    return record;
}

static bool is_asked(struct sim_device *device, bool well) {
    struct oneslot_record record = record_of(device);
    bool asked = record.state == ONESLOT_STATE_REQUESTED && strcmp(record.path, NEW_PATH) == 0;
    return device->last == ONESLOT_ERROR_NONE ? asked : !well;
}

static bool is_cancelled(struct sim_device *device, bool well) {
    bool gone = record_of(device).state != ONESLOT_STATE_REQUESTED;
    return device->last == ONESLOT_ERROR_NONE ? gone : !well;
}

static bool is_confirmed(struct sim_device *device, bool well) {
    struct oneslot_record record = record_of(device);
    bool done = record.state == ONESLOT_STATE_DONE && record.outcome == ONESLOT_ERROR_NONE;
    return device->last == ONESLOT_ERROR_NONE ? done : !well;
}

/// ESP-IDF's boot loader goes past the installer once otadata has chosen: a last word that could not be written is
/// missed by nobody there.
static bool is_left_open(const struct sim_device *device, const struct oneslot_record *record) {
    return device->vendor && (record->state == ONESLOT_STATE_REQUESTED || record->state == ONESLOT_STATE_INSTALLING);
}

/// Old firmware, untouched, with a reason; or the new one.
static bool is_installed(struct sim_device *device, enum oneslot_state state, bool well) {
    bool starts = sim_power_on(device) == SIM_APPLICATION;
    struct oneslot_record record = record_of(device);
    if (!starts || device->bad_starts > 0) {
        return false;
    }
    if (sim_runs(device) == SIM_RUNS_NEW) {
        return record.state == state || (!well && is_left_open(device, &record));
    }
    bool named = record.state == ONESLOT_STATE_FAILED && record.outcome != ONESLOT_ERROR_NONE;
    return !well && sim_runs(device) == SIM_RUNS_OLD && (named || is_left_open(device, &record));
}

static bool is_upgraded(struct sim_device *device, bool well) {
    return is_installed(device, ONESLOT_STATE_DONE, well);
}

/// The boots of the trial that a failure has cost nothing are used up first.
static bool is_put_back(struct sim_device *device, bool well) {
    bool starts = false;
    bool back = false;
    bool named = false;
    for (uint32_t boot = 0; boot < (well ? 1u : 4u) && !back; boot++) {
        starts = sim_power_on(device) == SIM_APPLICATION;
        struct oneslot_record record = record_of(device);
        back = sim_runs(device) == SIM_RUNS_OLD && record.outcome == ONESLOT_ERROR_TRIAL_EXPIRED;
        named = sim_runs(device) == SIM_RUNS_OLD || record.outcome != ONESLOT_ERROR_NONE;
    }
    return starts && device->bad_starts == 0 && (back || (!well && named));
}

static const struct scenario {
    const char *name;
    void (*before[3])(struct sim_device *device);
    void (*act)(struct sim_device *device);
    bool (*check)(struct sim_device *device, bool well);
} SCENARIOS[] = {
    {"request", {NULL}, request, is_asked},
    {"cancel", {request}, cancel, is_cancelled},
    {"upgrade", {request}, power_on, is_upgraded},
    {"confirm", {request_trial, power_on}, confirm, is_confirmed},
    {"fallback", {request_trial, power_on}, power_on, is_put_back},
};

static void fail_once(const struct scenario *scenario, const struct sim_device *ready, struct nor_fault fault) {
    struct sim_device device;
    sim_device_fork(&device, ready);
    nor_count_from_zero(&device.nor);
    device.bad_starts = 0;
    nor_plan(&device.nor, fault);
    scenario->act(&device);
    device.nor.faults = 0;
    bool well = fault.count < 3;
    if (!scenario->check(&device, well)) {
        struct oneslot_record record = record_of(&device);
        print_error("%s: %s at %u, %u in a row: last \"%s\", %s, state %u, outcome \"%s\"\n", scenario->name,
                    nor_fault_name(fault.kind), fault.at, fault.count, oneslot_error_text(device.last),
                    sim_runs_text(sim_runs(&device)), record.state,
                    oneslot_error_text((enum oneslot_error)record.outcome));
        fail();
    }
    sim_device_discard(&device);
}

static void fail_everywhere(uint16_t chip) {
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
        const struct scenario *scenario = &SCENARIOS[i];
        struct bench bench;
        struct sim_device counted;
        create(&bench, chip);
        for (size_t step = 0; step < 3 && scenario->before[step]; step++) {
            scenario->before[step](&bench.device);
        }
        sim_device_fork(&counted, &bench.device);
        nor_count_from_zero(&counted.nor);
        scenario->act(&counted);
        uint32_t reads = counted.nor.reads;
        uint32_t operations = counted.nor.operations;
        sim_device_discard(&counted);
        print_message("%s: %u reads, %u operations\n", scenario->name, reads, operations);
        assert_true(reads > 8);
        for (uint32_t at = 0; at < reads; at++) {
            fail_once(scenario, &bench.device, (struct nor_fault){.kind = NOR_FAULT_READ, .at = at, .count = 1});
            fail_once(scenario, &bench.device, (struct nor_fault){.kind = NOR_FAULT_READ, .at = at, .count = FOR_GOOD});
            fail_once(scenario, &bench.device, (struct nor_fault){.kind = NOR_FAULT_READ, .at = at, .count = FOR_EVER});
        }
        for (uint32_t at = 0; at < operations; at++) {
            struct nor_fault fault = {.kind = NOR_FAULT_ERROR, .at = at, .count = 1, .tear = NOR_BEFORE};
            fail_once(scenario, &bench.device, fault);
            fault.count = 3;
            fail_once(scenario, &bench.device, fault);
            fault.count = FOR_EVER;
            fail_once(scenario, &bench.device, fault);
        }
        destroy(&bench);
    }
}

static void on_the_esp8266(void **state) {
    (void)state;
    fail_everywhere(ONESLOT_CHIP_ESP8266);
}

static void on_the_esp32_family(void **state) {
    (void)state;
    fail_everywhere(ONESLOT_CHIP_ESP32C3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_esp8266),
        cmocka_unit_test(on_the_esp32_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
