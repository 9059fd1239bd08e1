// The port facade: everything the bench needs from a board or from this machine. One folder in firmware/ports
// implements it, chosen by the build.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace kerf::port {

// Clocks, serial port, stack painting. Called once, before anything else.
void init();

// The serial link. read() never waits; write() returns when all bytes are accepted.
bool read(uint8_t* byte);
void write(const uint8_t* bytes, size_t count);

// Called while waiting for a byte. May sleep until one may have arrived.
void idle();

// The clock. start_ticks() sets the count to 0 and aligns its phase, so that equal work gives equal numbers; ticks() is
// the count since then. 64 bits: it never wraps. A port defines the functions with C names, so that Renode's hooks find
// them (tools/transports/renode.py).
enum class TickUnit : uint8_t { kCycles = 0, kMicroseconds = 1 };
struct Clock {
    TickUnit unit;
    uint32_t hz;
};
Clock clock();
extern "C" void kerf_start_ticks();
extern "C" uint64_t kerf_ticks();
inline void start_ticks() {
    kerf_start_ticks();
}
inline uint64_t ticks() {
    return kerf_ticks();
}

// Runs a loop of known length and returns how many instructions it took, not counting the call (0: unknown on this
// port). `turns` > 0. Used to calibrate an emulator's tick rate.
uint32_t spin(uint32_t turns);

// The stack's high-water mark since boot, found by init() painting it; and the stack's size. 0: unknown.
uint32_t stack_used_bytes();
uint32_t stack_size_bytes();

// RAM that neither the firmware's data nor its stack uses; the MLPerf dialect's input buffer is here, so that it costs
// the model nothing. size 0: none.
struct Span {
    uint8_t* data;
    size_t size;
};
Span spare_ram();

[[noreturn]] void reset();

}  // namespace kerf::port
