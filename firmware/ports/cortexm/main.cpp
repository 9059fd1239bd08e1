// The port's entry point: set everything up, then run the bench forever.
#include "baremetal/stack.h"
#include "bench/bench.h"
#include "port/port.h"
#include "ports/cortexm/chip.h"
#include "ports/cortexm/core.h"
#include "ports/cortexm/init.h"

namespace kerf::port {

void init() {
    baremetal::init_stack();
    init_faults();
    chip::init();
    init_serial();
    kerf_init_ticks();
}

void reset() {
    asm volatile("dsb" ::: "memory");
    core::kAircr.write(core::kAircrResetRequest);
    for (;;) asm volatile("nop");
}

}  // namespace kerf::port

int main() {
    kerf::port::init();
    kerf::bench::start();
    for (;;) kerf::bench::step();
}
