/*
 * The console's ports: UART 0, at the speed the boot loader left it at, and the USB serial port of the chips that have
 * one.
 */
#ifndef ONESLOT_ESP32_CONSOLE_PORT_H
#define ONESLOT_ESP32_CONSOLE_PORT_H

/// Sends what still waits for a full USB packet. Does not wait for a host that is not there.
void console_flush(void);

#endif
