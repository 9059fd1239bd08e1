// The clock of cores without a cycle counter that all share: microseconds, which wrap after 71 minutes, far longer than
// the bench waits for an inference.
#include "port/port.h"
#include "ports/arduino_api/parts.h"
#include "ports/arduino_api/vendor.h"

namespace {

uint32_t first;

uint32_t now() {
    return static_cast<uint32_t>(micros());
}

}  // namespace

namespace kerf::port {

void init_ticks() {}

Clock clock() {
    return {TickUnit::kMicroseconds, 1'000'000};
}

// Starts on an edge, so that equal work gives equal numbers.
void kerf_start_ticks() {
    const uint32_t before = now();
    do {
        first = now();
    } while (first == before);
}

uint64_t kerf_ticks() {
    return now() - first;
}

}  // namespace kerf::port
