// The parts of port::init(), each implemented in the file that owns it, and what they share.
#pragma once

#include <cstdint>

namespace kerf::port {

void init_ticks();
void init_memory();

// Where a crash leaves its record for the next start: RAM that neither Mbed's start-up nor the bootloader touches.
// The bootloader of ArduinoCore-mbed 4.5.0 uses 0x20000000 to 0x20009E13 (its ELF); this is the top of the heap.
inline constexpr uint32_t kKeptBytes = 64;
void* kept_ram();

// Sends the record of the last crash, if there is one.
void report_last_crash();

}  // namespace kerf::port
