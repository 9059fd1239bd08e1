// The seam inside this port: what differs from chip to chip. One file of chips/ implements it, chosen by the board
// table's build_src_filter.
#pragma once

#include <cstdint>

namespace kerf::chip {

// Raises the clock as far as the board allows and opens the serial port at 115200 8N1, its receive interrupt on.
void init();

// The processor clock as it is now, in Hz.
uint32_t clock_hz();

// Takes the next byte out of the UART. Called with the receive interrupt off or from within it.
bool take_byte(uint8_t* byte);

// Waits until the UART accepts the byte. Works with all interrupts off.
void send_byte(uint8_t byte);

// The UART's receive interrupt.
extern const uint32_t kReceiveInterrupt;

}  // namespace kerf::chip
