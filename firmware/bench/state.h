// What both dialects share: how setup() went, and the clock.
#pragma once

#include <cstdint>

#include "bench/wire.h"
#include "model/model.h"

namespace kerf::bench {

inline constexpr uint8_t kProtocolVersion = 2;

struct Setup {
    model::Status status;
    uint32_t detail;
    uint64_t ticks;
};
extern Setup setup_result;

// port::start_ticks() for one measurement; run_ticks() goes on counting from the boot across all of them.
void start_clock();
uint64_t run_ticks();

// All inputs (outputs), one after the other.
uint32_t inputs_crc32();
uint32_t outputs_crc32();

// port::Clock ticks in microseconds; wraps after 584,542 years.
uint64_t to_microseconds(uint64_t ticks);

// One dialect each.
namespace native {
void boot();
void take(const Frame& frame);
bool paused();  // an inference stands still in the middle: nothing may start another
}  // namespace native

namespace mlperf {
void boot();
void take(uint8_t byte);
void abandon_command();  // what has been taken of one is noise
void drop_input();       // port::spare_ram() serves another purpose
}  // namespace mlperf

}  // namespace kerf::bench
