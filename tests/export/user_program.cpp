// A user's program on the bare metal of firmware/ports, in place of the bench: runs the checks of the exported models
// that MODELS names, and prints what they say.
#include <string.h>

#include "bench/bench.h"
#include "port/port.h"

// One line for each model: #include <name.h>, …
#include "models.h"

namespace {

uint32_t microseconds() {
    return static_cast<uint32_t>(kerf::port::ticks() * 1'000'000 / kerf::port::clock().hz);
}

void print(const char* line) {
    kerf::port::write(reinterpret_cast<const uint8_t*>(line), strlen(line));
    kerf::port::write(reinterpret_cast<const uint8_t*>("\n"), 1);
}

}  // namespace

namespace kerf::bench {

void report_fault(const Fault&) {
    print("fault");
}

void start() {
    port::start_ticks();
    for (const auto check : checks) check(microseconds, print);
    print("end");
}

void step() {
    port::idle();
}

}  // namespace kerf::bench
