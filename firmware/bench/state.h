// What both dialects share: how setup() went, and the clock.
#pragma once

#include <stddef.h>
#include <stdint.h>

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

// What is being received: a frame or an ASCII command. Never both, because the delimiter before a frame abandons the
// command.
inline constexpr size_t kMaxCommand = 80;  // EE_CMD_SIZE
inline constexpr size_t kMaxReceivedBytes = kMaxCommand + 1;
static_assert(kMaxReceivedBytes >= kMaxDecodedBytes);
extern uint8_t received[kMaxReceivedBytes];

// start_clock() calls port::start_ticks() for one measurement; run_ticks() counts from boot, across all of them.
void start_clock();
uint64_t run_ticks();

// Over all inputs (outputs), concatenated.
uint32_t inputs_crc32();
uint32_t outputs_crc32();

// port::Clock ticks in microseconds; wraps after 584,542 years.
uint64_t to_microseconds(uint64_t ticks);

// One dialect each.
namespace native {
void boot();
void take(const Frame& frame);
bool paused();  // an inference is paused: no other may start
}  // namespace native

namespace mlperf {
void boot();
void take(uint8_t byte);
void abandon_command();  // what has been received of a command was noise
void drop_input();       // port::spare_ram() is used for something else
}  // namespace mlperf

}  // namespace kerf::bench
