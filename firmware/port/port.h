// The port facade: everything the bench needs of a board or of this machine. One folder of firmware/ports implements
// it, chosen by the build.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kerf::port {

// Clocks, serial port, stack painting. Called once, before anything else.
void init();

// The serial link. read() never waits; write() returns when all bytes are accepted.
bool read(uint8_t* byte);
void write(const uint8_t* bytes, size_t count);

// Called while waiting for a byte. May sleep until one can have arrived.
void idle();

// The clock. start_ticks() sets the count to 0 and aligns its phase, so that equal work gives equal numbers;
// ticks() is the count since. 64 bits: never wraps. A port defines the functions with C names, by which Renode's hooks
// find them (tools/transports/renode.py).
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
// port). `turns` > 0. An emulator's tick rate is calibrated with it.
uint32_t spin(uint32_t turns);

// High-water mark of the stack since boot, found by the paint that init() laid; and the stack's size. 0: unknown.
uint32_t stack_used_bytes();
uint32_t stack_size_bytes();

// RAM that neither the firmware's data nor its stack uses; the MLPerf dialect's input buffer lives here, so that it
// costs the model nothing. size 0: none.
struct Span {
    uint8_t* data;
    size_t size;
};
Span spare_ram();

[[noreturn]] void reset();

}  // namespace kerf::port
