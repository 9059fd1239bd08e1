// The ESP-IDF port's 64-bit clock on this machine; prints one line per fact for tests/host/test_ports.py.
#include <cstdio>
#include <vector>

#include "ports/espidf/main.cpp"
#include "ports/espidf/vendor.h"

namespace kerf::bench {
void start() {}
void step() {}
}  // namespace kerf::bench

namespace kerf::port {
void init_serial() {}
void init_memory() {}
}  // namespace kerf::port

namespace {

void set_clock(uint64_t cycles) {
    cycle_count = static_cast<uint32_t>(cycles);
    tick_count = static_cast<uint32_t>(cycles / 2'400'000);  // 240 MHz, 100 Hz
}

void count(uint64_t begin, const std::vector<uint64_t>& after) {
    set_clock(begin);
    kerf::port::start_ticks();
    for (const uint64_t cycles : after) {
        set_clock(begin + cycles);
        std::printf("ticks %llu\n", static_cast<unsigned long long>(kerf::port::ticks()));
    }
}

}  // namespace

int main() {
    const uint64_t second = 240'000'000;
    count(0, {0, 1, 1000, 8 * second, 18 * second, 100 * second, 100'000 * second});
    count(17 * second + 2'399'999, {1, 2, 9 * second, 10 * second, 3600 * second});
}
