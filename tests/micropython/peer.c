/*
 * The C side of the tests of oneslot.py: core/api.c on a flash image in a file. Prints JSON.
 *
 *     peer FLASH provision | status | cancel | confirm | count
 *     peer FLASH request PATH [TRIAL [FALLBACK [HEX]]]
 *     peer FLASH put STATE OUTCOME       as the installer would leave the journal
 *     peer FLASH errors                  the list of errors
 *
 * and what its kind of device has of its own; see peer.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

uint8_t chip[FLASH_SIZE];

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    memcpy(buffer, chip + address, length);
    return 0;
}

static int chip_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    for (uint32_t i = 0; i < length; i++) {
        chip[address + i] &= ((const uint8_t *)data)[i];
    }
    return 0;
}

static int chip_erase(void *context, uint32_t address) {
    (void)context;
    memset(chip + address, 0xff, ONESLOT_SECTOR_SIZE);
    return 0;
}

const struct oneslot_flash flash = {NULL, FLASH_SIZE, chip_read, chip_program, chip_erase, NULL};
static struct oneslot device;

static void print_hex(const char *name, const uint8_t *bytes, uint32_t length) {
    printf(", \"%s\": \"", name);
    for (uint32_t i = 0; i < length; i++) {
        printf("%02x", bytes[i]);
    }
    printf("\"");
}

static enum oneslot_error status(void) {
    struct oneslot_status now;
    char words[300];
    enum oneslot_error error = oneslot_status(&device, &now);
    oneslot_status_text(&now, words, sizeof words);
    printf("{\"state\": %d, \"outcome\": %d, \"detail\": %u, \"trial_left\": %u, \"path\": \"%s\"", (int)now.state,
           (int)now.outcome, (unsigned)now.detail, (unsigned)now.trial_left, now.path);
    printf(", \"installed_size\": %u, \"words\": \"%s\", \"slot\": %u, \"sequence\": %u", (unsigned)now.installed_size,
           words, (unsigned)device.slot, (unsigned)device.record.sequence);
    printf(", \"flags\": %d, \"trial_boots\": %d, \"fallback\": \"%.120s\"", device.record.flags,
           device.record.trial_boots, device.record.fallback);
    print_hex("installed", now.installed, sizeof now.installed);
    print_hex("expected", device.record.expected, sizeof device.record.expected);
    print_hex("record", (const uint8_t *)&device.record, sizeof device.record);
    printf("}\n");
    return error;
}

static enum oneslot_error request(int count, char **arguments) {
    uint8_t digest[32];
    struct oneslot_options options = {0};
    if (count > 1) {
        options.trial_boots = (uint32_t)atoi(arguments[1]);
    }
    if (count > 2 && arguments[2][0] != '\0') {
        options.fallback = arguments[2];
    }
    if (count > 3) {
        for (int i = 0; i < 32; i++) {
            unsigned byte = 0;
            sscanf(arguments[3] + 2 * i, "%2x", &byte);
            digest[i] = (uint8_t)byte;
        }
        options.sha256 = digest;
    }
    return oneslot_request(&device, arguments[0], &options);
}

static enum oneslot_error put(int state, int outcome) {
    struct oneslot_journal journal = {&device.flash, device.layout.journal};
    struct oneslot_record *record = &device.record;
    for (uint32_t i = 12; i < sizeof *record; i++) {
        ((uint8_t *)record)[i] = (uint8_t)i;
    }
    memset(record->path, 0, sizeof record->path);
    strcpy(record->path, "/fw.bin");
    record->state = (uint8_t)state;
    record->outcome = (uint8_t)outcome;
    record->trial_boots = 3;
    record->own_outcome = 0;
    return oneslot_journal_append(&journal, record, NULL);
}

static enum oneslot_error count_boot(void) {
    struct oneslot_journal journal = {&device.flash, device.layout.journal};
    return oneslot_journal_trial_count(&journal, device.slot);
}

static void errors(void) {
#define PRINT(name, number, sentence) printf("%d %s\n", number, sentence);
    ONESLOT_ERRORS(PRINT)
#undef PRINT
}

static enum oneslot_error run(const char *command, int count, char **arguments) {
    enum oneslot_error error = open_device(&device);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (strcmp(command, "status") == 0) {
        return status();
    }
    if (strcmp(command, "cancel") == 0) {
        return oneslot_cancel(&device);
    }
    if (strcmp(command, "confirm") == 0) {
        return confirm_device(&device);
    }
    if (strcmp(command, "count") == 0) {
        return count_boot();
    }
    if (strcmp(command, "request") == 0 && count > 0) {
        return request(count, arguments);
    }
    if (strcmp(command, "put") == 0 && count == 2) {
        return put(atoi(arguments[0]), atoi(arguments[1]));
    }
    return own_command(&device, command, count, arguments);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 2;
    }
    if (strcmp(argv[2], "errors") == 0) {
        errors();
        return 0;
    }
    if (strcmp(argv[2], "provision") == 0) {
        memset(chip, 0xff, sizeof chip);
        provision();
    } else {
        FILE *file = fopen(argv[1], "rb");
        if (file == NULL || fread(chip, 1, sizeof chip, file) != sizeof chip || fclose(file) != 0) {
            return 2;
        }
        enum oneslot_error error = run(argv[2], argc - 3, argv + 3);
        if (error != ONESLOT_ERROR_NONE) {
            return (int)error;
        }
    }
    FILE *file = fopen(argv[1], "wb");
    if (file == NULL || fwrite(chip, 1, sizeof chip, file) != sizeof chip || fclose(file) != 0) {
        return 2;
    }
    return 0;
}
