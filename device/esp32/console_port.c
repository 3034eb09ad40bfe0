#include "console_port.h"

#include "console.h"
#include "registers.h"
#include "rom.h"

/// Of the USB serial port (source: ESP-IDF, components/soc/CHIP/include/soc/usb_serial_jtag_reg.h: EP1, EP1_CONF,
/// WR_DONE, SERIAL_IN_EP_DATA_FREE).
#define USB_DATA      0u
#define USB_STATE     4u
#define USB_SEND      0x1u
#define USB_HAS_SPACE 0x2u

/// How long a host that listens may take to fetch a packet, in steps. One that did not is not waited for again, until
/// there is space.
#define USB_WAIT_STEPS 50u
#define USB_STEP_US    1000u

/// Whether anybody fetches what is sent.
static bool usb_listens = true;

static bool usb_has_space(void) {
    return (register_read(chip.usb_serial + USB_STATE) & USB_HAS_SPACE) != 0;
}

static void usb_character(uint8_t character) {
    if (!usb_has_space()) {
        console_flush();
    }
    for (uint32_t step = 0; usb_listens && !usb_has_space(); step++) {
        usb_listens = step < USB_WAIT_STEPS;
        rom_delay_us(USB_STEP_US);
    }
    if (usb_has_space()) {
        usb_listens = true;
        register_write(chip.usb_serial + USB_DATA, character);
    }
}

void console_character(uint8_t character) {
    (void)rom_call_1(chip.rom.uart_tx_one_char, character);
    if (chip.usb_serial == 0) {
        return;
    }
    usb_character(character);
    // A progress line ends without a line feed.
    if (character == '\n' || character == '\r') {
        console_flush();
    }
}

void console_flush(void) {
    if (chip.usb_serial != 0) {
        register_write(chip.usb_serial + USB_STATE, USB_SEND);
    }
}
