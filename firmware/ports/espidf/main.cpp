// The port for ESP-IDF (ESP32, ESP32-C3): entry point, clock, restart.
#include "bench/bench.h"
#include "port/port.h"
#include "ports/espidf/parts.h"
#include "ports/espidf/vendor.h"

namespace {

constexpr uint32_t kCoreHz = CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1'000'000;
constexpr uint32_t kCyclesPerTick = kCoreHz / configTICK_RATE_HZ;

uint32_t first_cycle;
TickType_t first_tick;

}  // namespace

namespace kerf::port {

void init() {
    init_memory();
    init_serial();
}

Clock clock() {
    return {TickUnit::kCycles, kCoreHz};
}

void kerf_start_ticks() {
    first_tick = xTaskGetTickCount();
    first_cycle = esp_cpu_get_cycle_count();
}

// The cycle counter has 32 bits and wraps every 17.9 s at 240 MHz. FreeRTOS's tick count gives the time to within 10
// ms, and so how often the counter has wrapped; the cycle counter gives the exact rest: the true count is the one
// closest to the estimate.
uint64_t kerf_ticks() {
    const uint32_t cycles = esp_cpu_get_cycle_count() - first_cycle;
    const uint64_t estimate = uint64_t{xTaskGetTickCount() - first_tick} * kCyclesPerTick;
    const auto off = static_cast<int32_t>(cycles - static_cast<uint32_t>(estimate));
    const auto count = static_cast<int64_t>(estimate) + off;
    return count < 0 ? 0 : static_cast<uint64_t>(count);
}

void reset() {
    uart_wait_tx_done(UART_NUM_0, pdMS_TO_TICKS(100));
    esp_restart();
}

}  // namespace kerf::port

extern "C" void app_main() {
    kerf::port::init();
    kerf::bench::start();
    for (;;) kerf::bench::step();
}
