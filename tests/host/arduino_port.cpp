// The parts of the Arduino port that need no board, on this machine: the 64-bit clock, the packets, the crash record.
// Prints one line per fact for tests/host/test_ports.py.
#include <cstdio>

#include "ports/arduino/faults.cpp"
#include "ports/arduino/main.cpp"
#include "ports/arduino/ticks.cpp"
#include "ports/arduino/vendor.h"

namespace kerf::bench {
void start() {}
void step() {}
void report_fault(const Fault& fault) {
    std::printf("fault %u pc %x sp %x lr %x\n", fault.kind, fault.pc, fault.sp, fault.lr);
}
}  // namespace kerf::bench

namespace kerf::port {
alignas(8) static uint8_t kept[kKeptBytes];
void* kept_ram() {
    return kept;
}
void init_memory() {}
}  // namespace kerf::port

namespace {

// Cycle counter and RTC as they stand so many cycles after power-up.
void set_clock(uint64_t cycles) {
    registers.CYCCNT = static_cast<uint32_t>(cycles);
    registers.COUNTER = static_cast<uint32_t>(cycles / 15'625 * 8 + cycles % 15'625 * 8 / 15'625) & 0xFFFFFF;
}

void count(uint64_t begin, const std::vector<uint64_t>& after) {
    set_clock(begin);
    kerf::port::start_ticks();
    for (const uint64_t cycles : after) {
        set_clock(begin + cycles);
        std::printf("ticks %llu\n", static_cast<unsigned long long>(kerf::port::ticks()));
    }
}

// Nobody asks for so long; the main loop goes round every 100 s.
void wait(uint64_t seconds) {
    constexpr uint64_t kSecond = 64'000'000;
    set_clock(0);
    kerf::port::start_ticks();
    for (uint64_t passed = 100; passed <= seconds; passed += 100) {
        set_clock(passed * kSecond);
        kerf::port::idle();
    }
    std::printf("waited %llu\n", static_cast<unsigned long long>(kerf::port::ticks() / kSecond));
}

void crash(int status, bool fatal) {
    const mbed_error_ctx error = {status, 0x1234, 0, 0x20001000};
    error_in_progress = fatal;
    try {
        mbed_error_hook(&error);
        std::printf("no restart\n");
    } catch (const Restart&) {
        std::printf("restart\n");
    }
    kerf::port::report_last_crash();
}

}  // namespace

int main() {
    // 64 MHz: 2^32 cycles are 67.1 s, 2^24 ticks of the RTC 512 s.
    const uint64_t second = 64'000'000;
    count(0, {0, 1, 1000, 30 * second, 67 * second, 68 * second, 300 * second, 700 * second, 1200 * second});
    count(500 * second + 12'345, {7, 33 * second, 34 * second, 400 * second, 900 * second});
    count(0xFFFF'FFFF, {1, 2, 500 * second});

    wait(5000);

    for (const size_t size : {1, 63, 64, 126, 128}) {
        _SerialUSB.packets.clear();
        const std::vector<uint8_t> bytes(size, 'x');
        kerf::port::write(bytes.data(), size);
        std::printf("write %zu:", size);
        for (const std::string& packet : _SerialUSB.packets) std::printf(" %zu", packet.size());
        std::printf("\n");
    }
    _SerialUSB.packets.clear();
    _SerialUSB.listening = false;
    const uint8_t byte = 0;
    kerf::port::write(&byte, 1);
    std::printf("nobody listens: %zu packets\n", _SerialUSB.packets.size());

    for (uint8_t& old : kerf::port::kept) old = 0xA5;  // as after power-up
    kerf::port::report_last_crash();
    crash(MBED_ERROR_BUSFAULT_EXCEPTION, true);
    kerf::port::report_last_crash();  // only once
    crash(-MBED_ERROR_CODE_STACK_OVERFLOW, true);
    crash(-68, true);
    crash(-68, false);
    try {
        const mbed_error_ctx error = {-68, 0x1234, 0, 0};
        error_in_progress = true;
        mbed_error_hook(&error);
    } catch (const Restart&) {
        kerf::port::kept[8] ^= 1;
        kerf::port::report_last_crash();
        std::printf("end\n");
    }
}
