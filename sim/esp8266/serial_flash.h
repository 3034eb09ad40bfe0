/*
 * The flash chip as the SPI controller sees it: commands, status registers, busy times. Its cells are sim/nor.
 *
 * An operation changes the cells when it is over, so that a cut within its time finds it under way.
 */
#ifndef SIM_ESP8266_SERIAL_FLASH_H
#define SIM_ESP8266_SERIAL_FLASH_H

#include <setjmp.h>

#include "sim/esp8266/chip.h"

#define FLASH_BUSY          0x01u
#define FLASH_WRITE_ENABLED 0x02u
/// BP0 to BP3. Any of them protects all of the chip: which blocks is not modelled.
#define FLASH_PROTECTED 0x3cu
/// SRP0, with /WP low as on a board that ties it down: the status registers cannot be written.
#define FLASH_STATUS_LOCKED 0x80u
/// In status register 2.
#define FLASH_QUAD_ENABLED 0x02u

enum flash_erase { FLASH_ERASE_SECTOR, FLASH_ERASE_BLOCK, FLASH_ERASE_CHIP };

struct serial_flash {
    struct nor nor;
    struct chip_flash_times times;
    uint32_t id;
    uint8_t status[2];
    bool write_enabled;
    bool asleep;
    bool cut;            ///< power failed in an operation
    uint64_t busy_until; ///< picoseconds
    bool pending;        ///< an operation is under way that has not changed the cells yet
    enum flash_erase erase;
    struct nor_operation operation;
    bool whole_chip; ///< it is an erase of all
    uint64_t busy_time;
    uint32_t status_writes, refused;
    jmp_buf power;
    /// Cells have changed. May be NULL.
    void (*changed)(void *context, uint32_t address, uint32_t length);
    void *context;
};

void serial_flash_create(struct serial_flash *flash, const uint8_t *bytes, uint32_t size, uint64_t seed);
void serial_flash_destroy(struct serial_flash *flash);
void serial_flash_power_on(struct serial_flash *flash);

/// Carries out what is under way if its time is over. Before anything that looks at the cells.
void serial_flash_settle(struct serial_flash *flash, uint64_t now);
/// Power fails now: what is under way is left as `tear` says.
void serial_flash_cut(struct serial_flash *flash, uint64_t now, enum nor_tear tear);

/// Status register 1 with its busy and write-enable bits as they are now.
uint8_t serial_flash_status(struct serial_flash *flash, uint64_t now);
void serial_flash_enable(struct serial_flash *flash, uint64_t now, bool on);
/// While it is busy, asleep, or asked on four lines without quad enable the chip does not answer: all ones.
void serial_flash_read(struct serial_flash *flash, uint64_t now, uint32_t address, uint8_t *buffer, uint32_t length,
                       bool quad);
/// Within one page: past its end it goes on at its start.
void serial_flash_program(struct serial_flash *flash, uint64_t now, uint32_t address, const uint8_t *bytes,
                          uint32_t length);
void serial_flash_erase(struct serial_flash *flash, uint64_t now, enum flash_erase kind, uint32_t address);
/// `count` registers from `first` on; the first one's byte is the low one of `value`.
void serial_flash_write_status(struct serial_flash *flash, uint64_t now, unsigned first, unsigned count,
                               uint32_t value);

#endif
