/*
 * The ROM's functions at the ROM's addresses (eagle.rom.addr.v6.ld, in every ESP8266 SDK).
 *
 * What has no stub is an illegal instruction there, so that a call of it ends the run and names the address.
 */
#include "board.h"

#define ROM_START 0x40000000u
#define ROM_SIZE  0x10000u
/* The vectors' literals lie below the vectors, the stubs' in the room of the reset handler, which nobody calls. */
#define VECTOR_LITERALS   0x40000000u
#define STUB_LITERALS     0x40000100u
#define STUB_LITERALS_END 0x40000400u
#define DEBUG_VECTOR      0x40000010u
#define NMI_VECTOR        0x40000020u
#define KERNEL_VECTOR     0x40000030u
#define USER_VECTOR       0x40000050u
#define DOUBLE_VECTOR     0x40000070u
#define EXCSAVE1          209u
#define EXCSAVE2          210u

static uint32_t ok(struct rom_call *call) {
    (void)call;
    return 0;
}

static uint32_t delay(struct rom_call *call) {
    MAILBOX->delay_us += call->argument[0];
    return 0;
}

/// The ROM's function sets a bit and returns, the reset follows a moment later; here it follows at once. The ROM
/// reports cause 2 after it, as after the reset pin.
static uint32_t restart(struct rom_call *call) {
    (void)call;
    MAILBOX->resets++;
    reset(2);
}

static uint32_t reset_reason(struct rom_call *call) {
    (void)call;
    return boot_cause;
}

/// ets_set_user_start at 0x40000fbc.
static uint32_t set_user_start(struct rom_call *call) {
    WORD(ROM_USER_START) = call->argument[0];
    return 0;
}

static uint32_t cpu_frequency(struct rom_call *call) {
    (void)call;
    return 80;
}

static uint32_t no_character(struct rom_call *call) {
    (void)call;
    return 1;
}

static uint32_t returned(struct rom_call *call) {
    (void)call;
    finish(BOARD_FAULT, "the program returned to the boot ROM", 0);
}

static const struct {
    uint32_t address;
    rom_function *function;
} services[] = {
    {0x40004b1c, rom_spi_read},
    {0x40004a4c, rom_spi_write},
    {0x40004a00, rom_spi_erase_sector},
    {0x400049b4, rom_spi_erase_block},
    {0x40004b44, rom_spi_erase_area},
    {0x40004984, rom_spi_erase_chip},
    {0x40004c2c, rom_spi_param_cfg},
    {0x400043c8, rom_spi_read_status},
    {0x40004400, rom_spi_write_status},
    {0x40004878, rom_spi_unlock},
    {0x400048a8, rom_spi_lock},
    {0x400048ec, ok}, /* SPIReadModeCnfig */
    {0x4000443c, ok}, /* SPI_write_enable */
    {0x4000448c, ok}, /* Wait_SPI_Idle */
    {0x40004644, ok}, /* spi_flash_attach */
    {0x40003f58, ok}, /* SelectSpiFunction */
    {0x40004678, rom_cache_enable},
    {0x400047f0, rom_cache_disable},
    {0x40002fa0, ok}, /* ets_wdt_enable */
    {0x400030f0, ok}, /* ets_wdt_disable */
    {0x40003158, ok}, /* ets_wdt_restore */
    {0x40003170, ok}, /* ets_wdt_init */
    {0x400024cc, rom_printf},
    {0x40002544, rom_printf}, /* ets_uart_printf */
    {0x40003b30, rom_tx_char},
    {0x40001da0, rom_write_char},
    {0x40002be8, rom_write_char}, /* ets_putc */
    {0x40003b8c, no_character},   /* uart_rx_one_char */
    {0x400039d8, ok},             /* uart_div_modify */
    {0x4000383c, ok},             /* uartAttach */
    {0x40003a14, ok},             /* Uart_Init */
    {0x400038a4, ok},             /* uart_buff_switch */
    {0x40002438, ok},             /* ets_install_uart_printf */
    {0x4000242c, ok},             /* ets_install_putc1 */
    {0x40002ecc, delay},
    {0x40002f0c, cpu_frequency},
    {0x40002f04, ok}, /* ets_update_cpu_frequency */
    {0x4000264c, restart},
    {0x400025e0, reset_reason},
    {0x40000fbc, set_user_start},
    {0x40000f98, ok}, /* ets_isr_mask */
    {0x40000fa8, ok}, /* ets_isr_unmask */
    {0x40000f74, ok}, /* ets_intr_lock */
    {0x40000f80, ok}, /* ets_intr_unlock */
    {0x40004c50, ok}, /* gpio_init */
    {0x40004cd0, ok}, /* gpio_output_set */
    {0x40001100, returned},
};

#define PURE(address, function)                                                                                        \
    { (address), (const void *)(uintptr_t)(function) }

/// Functions that are the same code wherever they lie: they run as the caller's own. The ROM's floating point is not
/// here.
static const struct {
    uint32_t address;
    const void *function;
} pure[] = {
    PURE(0x4000df48, rom_memcpy),    PURE(0x4000e04c, rom_memmove),  PURE(0x4000e190, rom_memset),
    PURE(0x4000dea8, rom_memcmp),    PURE(0x4000de84, rom_bzero),    PURE(0x4000bf4c, rom_strlen),
    PURE(0x4000bdc8, rom_strcmp),    PURE(0x4000bfa8, rom_strncmp),  PURE(0x4000bec8, rom_strcpy),
    PURE(0x4000c0a0, rom_strncpy),   PURE(0x4000e1e0, rom_strstr),   PURE(0x400018b4, rom_memcpy),
    PURE(0x400018c4, rom_memmove),   PURE(0x400018a4, rom_memset),   PURE(0x400018d4, rom_memcmp),
    PURE(0x40002ae8, rom_bzero),     PURE(0x40002ac8, rom_strlen),   PURE(0x40002aa8, rom_strcmp),
    PURE(0x40002ab8, rom_strncmp),   PURE(0x40002a88, rom_strcpy),   PURE(0x40002a98, rom_strncpy),
    PURE(0x40002ad8, rom_strstr),    PURE(0x40009818, rom_md5_init), PURE(0x40009834, rom_md5_update),
    PURE(0x40009900, rom_md5_final), PURE(0x40000650, rom_muldi3),   PURE(0x4000dcf0, rom_umulsidi3),
    PURE(0x4000e21c, rom_udivsi3),   PURE(0x4000e268, rom_umodsi3),  PURE(0x4000dc88, rom_divsi3),
    PURE(0x4000d310, rom_udivdi3),   PURE(0x4000d770, rom_umoddi3),  PURE(0x4000ce60, rom_divdi3),
};

static uint32_t literals;

static uint8_t *put_instruction(uint8_t *at, uint32_t instruction) {
    at[0] = (uint8_t)instruction;
    at[1] = (uint8_t)(instruction >> 8);
    at[2] = (uint8_t)(instruction >> 16);
    return at + 3;
}

/// l32r: a literal below the instruction, as a negative count of words from the next aligned address.
static uint8_t *put_load(uint8_t *at, uint32_t target, uint32_t literal) {
    uint32_t base = ((uint32_t)(uintptr_t)at + 3) & ~3u;

    return put_instruction(at, ((literal - base) >> 2 & 0xffffu) << 8 | target << 4 | 1u);
}

static uint8_t *put_jump(uint8_t *at, uint32_t target) {
    return put_instruction(at, 0xa0u | target << 8);
}

static uint32_t put_literal(uint32_t value) {
    uint32_t literal = literals;

    if (literals >= STUB_LITERALS_END) {
        finish(BOARD_FAULT, "the board has no room for its literals", 0);
    }
    WORD(literal) = value;
    literals += 4;
    return literal;
}

static void put_vector(uint32_t address, uint32_t save_register, uint32_t literal) {
    uint8_t *at = (uint8_t *)(uintptr_t)address;

    at = put_instruction(at, 0x130000u | save_register << 8);
    at = put_load(at, 0, literal);
    put_jump(at, 0);
}

void rom_install(void) {
    uint32_t enter;

    rom_memset((void *)ROM_START, 0, ROM_SIZE);
    WORD(VECTOR_LITERALS) = (uint32_t)(uintptr_t)trap_debug;
    WORD(VECTOR_LITERALS + 4) = (uint32_t)(uintptr_t)trap_exception;
    put_vector(DEBUG_VECTOR, EXCSAVE2, VECTOR_LITERALS);
    put_vector(KERNEL_VECTOR, EXCSAVE1, VECTOR_LITERALS + 4);
    put_vector(USER_VECTOR, EXCSAVE1, VECTOR_LITERALS + 4);
    put_vector(DOUBLE_VECTOR, EXCSAVE1, VECTOR_LITERALS + 4);

    literals = STUB_LITERALS;
    enter = put_literal((uint32_t)(uintptr_t)rom_enter);
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        uint8_t *at = (uint8_t *)(uintptr_t)services[i].address;

        at = put_load(at, 10, put_literal((uint32_t)(uintptr_t)services[i].function));
        at = put_load(at, 9, enter);
        put_jump(at, 9);
    }
    for (size_t i = 0; i < sizeof pure / sizeof pure[0]; i++) {
        uint8_t *at = (uint8_t *)(uintptr_t)pure[i].address;

        at = put_load(at, 9, put_literal((uint32_t)(uintptr_t)pure[i].function));
        put_jump(at, 9);
    }
}

void account(uint32_t ccount) {
    static uint32_t remainder;
    uint64_t scaled = (uint64_t)(ccount - rom_frame.ccount_out) * 25 + remainder;

    MAILBOX->instructions += scaled >> BOARD_ICOUNT_SHIFT;
    remainder = (uint32_t)scaled & ((1u << BOARD_ICOUNT_SHIFT) - 1);
}

/// Called by rom_enter on the board's stack; what it returns is the caller's a2.
uint32_t rom_dispatch(void);
uint32_t rom_dispatch(void) {
    account(rom_frame.ccount_in);
    watch_again();
    return rom_frame.function(&rom_frame);
}
