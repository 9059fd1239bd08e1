// The port's entry point: set everything up, then run the bench forever.
#include "baremetal/stack.h"
#include "bench/bench.h"
#include "port/port.h"
#include "ports/riscv/core.h"
#include "ports/riscv/init.h"

namespace kerf::port {

void init() {
    baremetal::init_stack();
    init_faults();
    init_serial();
}

void reset() {
    core::kFinisher.write(core::kFinisherReset);
    for (;;) asm volatile("wfi");
}

}  // namespace kerf::port

int main() {
    kerf::port::init();
    kerf::bench::start();
    for (;;) kerf::bench::step();
}
