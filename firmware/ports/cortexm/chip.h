// The chip driver: what differs from chip to chip within this port. One file in chips/ implements it, chosen by
// build_src_filter in the board table.
#pragma once

#include <cstdint>

namespace kerf::chip {

// Raises the clock as far as the board allows and opens the serial port at 115200 8N1, its receive interrupt on.
void init();

// The current processor clock in Hz.
uint32_t clock_hz();

// Reads the next byte from the UART. Called from the receive interrupt, or while it is disabled.
bool take_byte(uint8_t* byte);

// Waits until the UART accepts the byte. Works with all interrupts disabled.
void send_byte(uint8_t byte);

// The UART's receive interrupt.
extern const uint32_t kReceiveInterrupt;

}  // namespace kerf::chip
