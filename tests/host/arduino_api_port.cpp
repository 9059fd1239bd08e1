// The port for any board with the Arduino API, on this machine: clock, packets, memory. CLOCK is a file of its clocks/.
// Prints one line per fact for tests/host/test_ports.py.
#include <cstdio>

#include "ports/arduino_api/vendor.h"
#include CLOCK
#include "ports/arduino_api/chips/espressif.cpp"
#include "ports/arduino_api/main.cpp"
#include "ports/arduino_api/memory.cpp"

namespace kerf::bench {
void start() {}
void step() {}
}  // namespace kerf::bench

namespace {

void at(uint64_t us) {
    now_us = us;
    kerf::port::dwt_cyccnt = static_cast<uint32_t>(us * (F_CPU / 1'000'000));
}

void count(uint64_t begin, const std::vector<uint64_t>& after) {
    at(begin);
    kerf::port::start_ticks();
    for (const uint64_t us : after) {
        at(begin + us);
        std::printf("ticks %llu\n", static_cast<unsigned long long>(kerf::port::ticks()));
    }
}

[[gnu::noinline]] void use_stack() {
    volatile uint8_t frame[1000];
    for (auto& byte : frame) byte = 1;
}

}  // namespace

int main() {
    constexpr uint64_t kSecond = 1'000'000;
    setup();
    const uint32_t before = kerf::port::stack_used_bytes();
    use_stack();
    const uint32_t after = kerf::port::stack_used_bytes();
    std::printf("stack %s\n", before < 200 && after > 900 && after < 1100 ? "grew" : "wrong");
    const kerf::port::Span spare = kerf::port::spare_ram();
    std::printf("spare %zu\n", spare.size);
    count(0, {0, 1, 1000, 6 * kSecond, 8 * kSecond, 120 * kSecond});
    count(4290 * kSecond, {1, 3 * kSecond, 30 * kSecond});  // both counters wrap
    const std::vector<uint8_t> bytes(128);
    kerf::port::write(bytes.data(), bytes.size());
    for (const std::string& part : Serial.writes) std::printf("write %zu\n", part.size());
    Serial.listening = false;
    kerf::port::write(bytes.data(), bytes.size());
    try {
        kerf::port::reset();
    } catch (const Restart&) {
        std::printf("restart\n");
    }
}
