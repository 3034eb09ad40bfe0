/*
 * The ROM's functions at the ROM's addresses, chip by chip.
 *
 * Source: ESP-IDF v4.4.8 and v5.2.2, components/esp_rom/CHIP/ld/CHIP.rom*.ld. What has no stub is an illegal
 * instruction there, so that a call of it ends the run and names the address.
 */
#include "sim/board/esp32/board.h"

#define ROM_START 0x40000000u
#define ROM_SIZE  0x20000u
/* The ESP32's ROM is longer. */
#define ROM_HIGH      0x40050000u
#define ROM_HIGH_SIZE 0x20000u

struct flash_chip *flash_chip(void) {
    uint32_t at = chip->flash_chip_pointer != 0 ? WORD(chip->flash_chip_pointer) : chip->flash_chip;

    return (struct flash_chip *)(uintptr_t)at;
}

static uint32_t ok(struct rom_call *call) {
    (void)call;
    return 0;
}

static uint32_t read(struct rom_call *call) {
    return flash_read(call->argument[0], call->argument[1], call->argument[2]);
}

static uint32_t write(struct rom_call *call) {
    return flash_write(call->argument[0], call->argument[1], call->argument[2]);
}

static uint32_t erase_sector(struct rom_call *call) {
    return flash_erase_sector(call->argument[0]);
}

static uint32_t erase_block(struct rom_call *call) {
    return flash_erase_block(call->argument[0]);
}

static uint32_t erase_area(struct rom_call *call) {
    return flash_erase_area(call->argument[0], call->argument[1]);
}

static uint32_t erase_chip(struct rom_call *call) {
    (void)call;
    flash_erase_chip();
    return 0;
}

/// Takes the values as they are.
static uint32_t config_param(struct rom_call *call) {
    *flash_chip() = (struct flash_chip){call->argument[0], call->argument[1], call->argument[2],
                                        call->argument[3], call->argument[4], call->argument[5]};
    return 0;
}

/// read_status(chip, &status): neither busy nor protected.
static uint32_t read_status(struct rom_call *call) {
    WORD(call->argument[1]) = 0;
    return 0;
}

static uint32_t print_char(struct rom_call *call) {
    console_char((char)call->argument[0], false);
    return 0;
}

struct call_arguments {
    const struct rom_call *call;
    uint32_t at;
};

static uint32_t next_of_call(void *context) {
    struct call_arguments *arguments = context;

    return port_argument(arguments->call, arguments->at++);
}

static uint32_t print_format(struct rom_call *call) {
    struct call_arguments arguments = {call, 1};

    console_format((const char *)(uintptr_t)call->argument[0], next_of_call, &arguments, false);
    return 0;
}

static uint32_t no_character(struct rom_call *call) {
    (void)call;
    return 1;
}

static uint32_t delay(struct rom_call *call) {
    MAILBOX->delay_us += call->argument[0];
    return 0;
}

static uint32_t cpu_frequency(struct rom_call *call) {
    (void)call;
    return chip->cpu_mhz;
}

/// The reset follows a moment later on the chip, here at once.
static uint32_t software_reset(struct rom_call *call) {
    (void)call;
    MAILBOX->resets++;
    reset(RESET_SOFTWARE);
}

static uint32_t software_reset_cpu(struct rom_call *call) {
    (void)call;
    MAILBOX->resets++;
    reset(RESET_SOFTWARE_CPU);
}

static uint32_t reset_reason(struct rom_call *call) {
    (void)call;
    return boot_reason;
}

/// crc32_le(crc, data, length): takes and gives the inverted value, as zlib's crc32.
static uint32_t crc32_le(struct rom_call *call) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)call->argument[1];
    uint32_t crc = ~call->argument[0];

    for (uint32_t i = 0; i < call->argument[2]; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static uint32_t copy(struct rom_call *call) {
    rom_memcpy((void *)(uintptr_t)call->argument[0], (const void *)(uintptr_t)call->argument[1], call->argument[2]);
    return call->argument[0];
}

static uint32_t move(struct rom_call *call) {
    rom_memmove((void *)(uintptr_t)call->argument[0], (const void *)(uintptr_t)call->argument[1], call->argument[2]);
    return call->argument[0];
}

static uint32_t fill(struct rom_call *call) {
    rom_memset((void *)(uintptr_t)call->argument[0], (int)call->argument[1], call->argument[2]);
    return call->argument[0];
}

static uint32_t compare(struct rom_call *call) {
    return (uint32_t)rom_memcmp((const void *)(uintptr_t)call->argument[0], (const void *)(uintptr_t)call->argument[1],
                                call->argument[2]);
}

/// A column for each chip of chips.c, in its order; 0: the chip's ROM does not have it.
/* clang-format off */
static const struct {
    rom_function *function;
    uint32_t address[CHIPS];
} services[] = {
    /* esp_rom_spiflash_read */
    {read, {0x40062ed8, 0x4001728c, 0x40000a20, 0x40000130, 0x4000013c, 0x40000150, 0x40000148}},
    /* esp_rom_spiflash_write */
    {write, {0x40062d50, 0x400171cc, 0x40000a14, 0x4000012c, 0x40000138, 0x4000014c, 0x40000144}},
    /* esp_rom_spiflash_erase_sector */
    {erase_sector, {0x40062ccc, 0x4001716c, 0x400009fc, 0x40000128, 0x40000130, 0x40000144, 0x4000013c}},
    /* esp_rom_spiflash_erase_block */
    {erase_block, {0x40062c4c, 0x4001710c, 0x40000a08, 0x40000124, 0x40000134, 0x40000148, 0x40000140}},
    /* esp_rom_spiflash_erase_area */
    {erase_area, {0x400631ac, 0x40017470, 0x40000a38, 0x400001e4, 0x40000144, 0x40000158, 0x40000150}},
    /* esp_rom_spiflash_erase_chip */
    {erase_chip, {0x40062c14, 0, 0x4000099c, 0x40000120, 0x40000110, 0x40000124, 0x4000011c}},
    /* esp_rom_spiflash_config_param */
    {config_param, {0x40063238, 0x40017500, 0x40000a50, 0x40000134, 0x4000014c, 0x40000160, 0x40000158}},
    /* esp_rom_spiflash_unlock */
    {ok, {0, 0x40016e88, 0x40000a2c, 0x40000140, 0x40000140, 0x40000154, 0x4000014c}},
    /* esp_rom_spiflash_wait_idle */
    {ok, {0x400622c0, 0x40016680, 0x40000960, 0x4000010c, 0x400000fc, 0x40000110, 0x40000108}},
    /* esp_rom_spiflash_write_enable */
    {ok, {0x40062320, 0x4001655c, 0x40000a44, 0x40000210, 0x40000148, 0x4000015c, 0x40000154}},
    /* esp_rom_spiflash_read_status */
    {read_status, {0x4006226c, 0x40016084, 0x40000ab0, 0x40000158, 0x4000016c, 0x40000180, 0x40000178}},
    /* esp_rom_spiflash_read_statushigh */
    {read_status, {0x40062448, 0x40016284, 0x40000abc, 0x4000015c, 0x40000170, 0x40000184, 0x4000017c}},
    /* esp_rom_spiflash_write_disable */
    {ok, {0, 0, 0x400011d0, 0x40001c40, 0x4000047c, 0x40000278, 0x40000270}},
    /* esp_rom_spiflash_write_status */
    {ok, {0x400622f0, 0, 0x40000ac8, 0x40000160, 0x40000174, 0x40000188, 0x40000180}},
    /* esp_rom_spiflash_config_readmode */
    {ok, {0x40062b64, 0x40016f1c, 0x40000aa4, 0x40000154, 0x40000168, 0x4000017c, 0x40000174}},
    /* esp_rom_spiflash_config_clk */
    {ok, {0x40062bc8, 0x400170a0, 0x40000a98, 0x40000150, 0x40000164, 0x40000178, 0x40000170}},
    /* esp_rom_spiflash_attach */
    {ok, {0x40062a6c, 0x40017004, 0x40000aec, 0x40000164, 0x40000178, 0x400001dc, 0x400001d4}},
    /* uart_tx_one_char */
    {print_char, {0x40009200, 0x40012b10, 0x40000648, 0x40000068, 0x40000058, 0x40000058, 0x40000058}},
    /* uart_tx_one_char2 */
    {print_char, {0x4000922c, 0x40012b28, 0x40000654, 0x4000006c, 0x4000005c, 0x4000005c, 0x4000005c}},
    /* uart_tx_wait_idle */
    {ok, {0x40009278, 0x40012b6c, 0x4000069c, 0x40000084, 0x40000074, 0x40000078, 0x40000078}},
    /* uart_tx_flush */
    {ok, {0x40009258, 0x40012b40, 0x40000690, 0x40000080, 0x40000070, 0x40000074, 0x40000074}},
    /* uart_rx_one_char */
    {no_character, {0x400092d0, 0x40012bf0, 0x40000660, 0x40000070, 0x40000060, 0x40000060, 0x40000060}},
    /* ets_printf */
    {print_format, {0x40007d54, 0x4000fee0, 0x400005d0, 0x40000040, 0x40000034, 0x40000028, 0x40000028}},
    /* ets_install_putc1 */
    {ok, {0x40007d18, 0x4000feb0, 0x400005dc, 0x40000044, 0x40000038, 0x4000002c, 0x4000002c}},
    /* ets_install_uart_printf */
    {ok, {0x40007d28, 0x4000fec0, 0x400005e8, 0x40000048, 0x4000003c, 0x40000034, 0x40000034}},
    /* usb_tx_one_char */
    {ok, {0, 0, 0x400025f8, 0x400008d8, 0, 0x40000a8c, 0x400009cc}},
    /* usb_tx_flush */
    {ok, {0, 0, 0x400025ec, 0x400008d4, 0, 0x40000a88, 0x400009c8}},
    /* ets_delay_us */
    {delay, {0x40008534, 0x4000d888, 0x40000600, 0x40000050, 0x40000044, 0x40000040, 0x40000040}},
    /* ets_update_cpu_frequency */
    {ok, {0x40008550, 0x4000d8a4, 0x40001a4c, 0x40000588, 0x40000774, 0x40000048, 0x40000048}},
    /* ets_get_cpu_frequency */
    {cpu_frequency, {0x4000855c, 0x4000d8b0, 0x40001a40, 0x40000584, 0x40000770, 0x40000044, 0x40000044}},
    /* software_reset */
    {software_reset, {0x4000824c, 0x40010068, 0x400006d8, 0x40000090, 0x40000088, 0x40000090, 0x40000090}},
    /* software_reset_cpu */
    {software_reset_cpu, {0x40008264, 0x40010080, 0x400006e4, 0x40000094, 0x4000008c, 0x40000094, 0x40000094}},
    /* rtc_get_reset_reason */
    {reset_reason, {0x400081d4, 0x4000ff58, 0x4000057c, 0x40000018, 0x40000018, 0x40000018, 0x40000018}},
    /* crc32_le */
    {crc32_le, {0x4005cfec, 0x400119dc, 0x40001c98, 0x40000628, 0x400007fc, 0x40000758, 0x40000724}},
    /* Cache_Read_Disable */
    {ok, {0x40009ab8, 0, 0, 0, 0, 0, 0}},
    /* Cache_Read_Enable */
    {ok, {0x40009a84, 0, 0, 0, 0, 0, 0}},
    /* Cache_Flush */
    {ok, {0x40009a14, 0, 0, 0, 0, 0, 0}},
    /* Cache_Disable_ICache */
    {ok, {0, 0x40018c2c, 0x4000186c, 0x4000051c, 0x4000071c, 0x40000690, 0x40000664}},
    /* Cache_Enable_ICache */
    {ok, {0, 0x40018cf8, 0x40001878, 0x40000520, 0x40000720, 0x40000694, 0x40000668}},
    /* Cache_Suspend_ICache */
    {ok, {0, 0x40018ca4, 0x4000189c, 0x40000524, 0x40000724, 0x40000698, 0x4000066c}},
    /* Cache_Resume_ICache */
    {ok, {0, 0x40018cdc, 0x400018a8, 0x40000528, 0x40000728, 0x4000069c, 0x40000670}},
    /* Cache_Invalidate_ICache_All */
    {ok, {0, 0x40018420, 0x400016d4, 0x400004d8, 0x40000710, 0x4000064c, 0x40000620}},
    /* Cache_Invalidate_Addr */
    {ok, {0, 0x400182e4, 0x400016b0, 0x400004d4, 0x4000070c, 0x40000648, 0x4000061c}},
    /* Cache_Disable_DCache */
    {ok, {0, 0x40018c68, 0x40001884, 0, 0, 0, 0}},
    /* Cache_Enable_DCache */
    {ok, {0, 0x40018d58, 0x40001890, 0, 0, 0, 0}},
    /* Cache_Suspend_DCache */
    {ok, {0, 0x40018d04, 0x400018b4, 0, 0, 0, 0}},
    /* Cache_Resume_DCache */
    {ok, {0, 0x40018d3c, 0x400018c0, 0, 0, 0, 0}},
    /* Cache_Invalidate_DCache_All */
    {ok, {0, 0x4001842c, 0x400016e0, 0, 0, 0, 0}},
    /* memcpy */
    {copy, {0x4000c2c8, 0x4001aba8, 0x400011f4, 0x40000358, 0x4000048c, 0x400004ac, 0x400004a4}},
    /* memset */
    {fill, {0x4000c44c, 0x4001ad3c, 0x400011e8, 0x40000354, 0x40000488, 0x400004a8, 0x400004a0}},
    /* memcmp */
    {compare, {0x4000c260, 0x4001ab40, 0x4000120c, 0x40000360, 0x40000494, 0x400004b4, 0x400004ac}},
    /* memmove */
    {move, {0x4000c3c0, 0x4001acb0, 0x40001200, 0x4000035c, 0x40000490, 0x400004b0, 0x400004a8}},
};
/* clang-format on */

void rom_install(void) {
    rom_memset((void *)ROM_START, 0, ROM_SIZE);
    if (chip_index == 0) {
        rom_memset((void *)ROM_HIGH, 0, ROM_HIGH_SIZE);
    }
    port_install();
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        uint32_t address = services[i].address[chip_index];

        if (address != 0) {
            port_stub(address, services[i].function);
        }
    }
}

/// Called by rom_enter on the board's stack; what it returns is the caller's result.
uint32_t rom_dispatch(void) {
    uint32_t result;

    MAILBOX->instructions += port_instructions(rom_frame.counter_in - rom_frame.counter_out);
    watchdog_look();
    result = rom_frame.function(&rom_frame);
    watchdog_look();
    return result;
}
