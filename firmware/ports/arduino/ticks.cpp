// The clock: the cycle counter of the debug unit (DWT), whose 32 bits wrap every 67 s at 64 MHz, extended to 64 bits
// without an interrupt that would disturb the measurement. The real-time counter RTC1, which Mbed keeps running for its
// low-power ticker, gives the approximate time, and so how often the cycle counter has wrapped; the cycle counter gives
// the exact rest. RTC1 itself wraps after 512 s, far longer than the bench waits for an inference.
#include "port/port.h"
#include "ports/arduino/parts.h"
#include "ports/arduino/vendor.h"

namespace {

constexpr uint32_t kCoreHz = 64'000'000;
constexpr uint32_t kRtcMask = 0xFFFFFF;  // 24 bits at 32,768 Hz

uint32_t first_cycle;
uint32_t last_rtc;
uint64_t rtc_ticks;  // since start_ticks()

}  // namespace

namespace kerf::port {

void init_ticks() {
    CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
    DWT->CYCCNT = 0;
    DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
    (void)millis();  // the first call starts Mbed's low-power ticker
}

Clock clock() {
    return {TickUnit::kCycles, kCoreHz};
}

void kerf_start_ticks() {
    last_rtc = NRF_RTC1->COUNTER;
    rtc_ticks = 0;
    first_cycle = DWT->CYCCNT;
}

uint64_t kerf_ticks() {
    const uint32_t cycles = DWT->CYCCNT - first_cycle;
    const uint32_t rtc = NRF_RTC1->COUNTER;
    rtc_ticks += (rtc - last_rtc) & kRtcMask;
    last_rtc = rtc;
    // 64 MHz / 32,768 Hz = 15,625 / 8. The drift between the two oscillators is far below half a wrap (33 s), so the
    // true count is the one closest to the estimate.
    const uint64_t estimate = rtc_ticks * 15'625 / 8;
    const auto off = static_cast<int32_t>(cycles - static_cast<uint32_t>(estimate));
    const auto count = static_cast<int64_t>(estimate) + off;
    return count < 0 ? 0 : static_cast<uint64_t>(count);
}

// No emulator runs this port, so there is nothing to calibrate.
uint32_t spin(uint32_t) {
    return 0;
}

}  // namespace kerf::port
