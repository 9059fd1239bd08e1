// Stands in for firmware/bench: for each byte it gets, the 256 floats that WidenFloat16 makes of the halves with that
// upper byte.
#include "bench/bench.h"
#include "kernels/weights.h"
#include "port/port.h"

namespace kerf::bench {

void start() {}

void step() {
    uint8_t upper;
    while (!port::read(&upper)) port::idle();
    float wide[256];
    for (uint32_t lower = 0; lower < 256; ++lower)
        wide[lower] = WidenFloat16(static_cast<uint16_t>(upper << 8 | lower));
    port::write(reinterpret_cast<const uint8_t*>(wide), sizeof wide);
}

void report_fault(const Fault&) {}

}  // namespace kerf::bench
