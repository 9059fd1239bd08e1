// Stands in for firmware/bench: for each byte it gets, the floats that WidenFloat16 makes of all 65,536 halves.
#include "bench/bench.h"
#include "kernels/weights.h"
#include "port/port.h"

namespace kerf::bench {

void start() {}

void step() {
    uint8_t request;
    while (!port::read(&request)) port::idle();
    for (uint32_t half = 0; half < 65536; ++half) {
        const float wide = WidenFloat16(static_cast<uint16_t>(half));
        port::write(reinterpret_cast<const uint8_t*>(&wide), sizeof wide);
    }
}

void report_fault(const Fault&) {}

}  // namespace kerf::bench
