// The clock of cores with a cycle counter in the debug unit (DWT). Its 32 bits wrap after 7 s at 600 MHz; micros()
// gives the approximate time, and so how often it has wrapped, and the counter gives the exact rest. micros() itself
// wraps after 71 minutes, far longer than the bench waits for an inference.
#include "port/port.h"
#include "ports/arduino_api/parts.h"
#include "ports/arduino_api/vendor.h"

namespace {

uint32_t first_cycle;
uint32_t first_microsecond;

}  // namespace

namespace kerf::port {

void init_ticks() {
    demcr = demcr | 1u << 24;  // TRCENA
    dwt_cyccnt = 0;
    dwt_ctrl = dwt_ctrl | 1u;  // CYCCNTENA
}

Clock clock() {
    return {TickUnit::kCycles, static_cast<uint32_t>(F_CPU)};
}

void kerf_start_ticks() {
    first_microsecond = static_cast<uint32_t>(micros());
    first_cycle = dwt_cyccnt;
}

uint64_t kerf_ticks() {
    const uint32_t cycles = dwt_cyccnt - first_cycle;
    const uint32_t microseconds = static_cast<uint32_t>(micros()) - first_microsecond;
    const uint64_t estimate = uint64_t{microseconds} * static_cast<uint32_t>(F_CPU) / 1'000'000;
    // The true count is the one closest to the estimate.
    const auto off = static_cast<int32_t>(cycles - static_cast<uint32_t>(estimate));
    const auto count = static_cast<int64_t>(estimate) + off;
    return count < 0 ? 0 : static_cast<uint64_t>(count);
}

}  // namespace kerf::port
