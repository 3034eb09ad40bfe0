/*
 * What a second-stage boot loader of ESP-IDF can do, told from its own code: it says so nowhere.
 */
#ifndef ONESLOT_HOST_ESP32_ROLLBACK_H
#define ONESLOT_HOST_ESP32_ROLLBACK_H

#include <stdbool.h>
#include <stdint.h>

enum esp32_ability { ESP32_ABILITY_UNKNOWN, ESP32_ABILITY_NO, ESP32_ABILITY_YES };

/// Whether it was built with CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, without which a trial never ends: whether more than
/// one place writes otadata. `bytes` begin with a whole boot loader of `size` bytes.
enum esp32_ability esp32_bootloader_rollback(const uint8_t *bytes, uint32_t size);

/// Whether it takes a partition table with an MD5 row, as ESP-IDF's do from 3.1 on.
enum esp32_ability esp32_bootloader_md5(const uint8_t *bytes, uint32_t size);

#endif
