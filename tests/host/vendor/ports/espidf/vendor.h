// Stands for ESP-IDF in tests/host/espidf_port.cpp: the counters are variables.
#pragma once

#include <cstdint>

#define CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ 240
#define configTICK_RATE_HZ 100
#define pdMS_TO_TICKS(milliseconds) ((milliseconds) / 10)

using TickType_t = uint32_t;
constexpr int UART_NUM_0 = 0;

inline uint32_t cycle_count, tick_count;
inline uint32_t esp_cpu_get_cycle_count() {
    return cycle_count;
}
inline TickType_t xTaskGetTickCount() {
    return tick_count;
}
inline int uart_wait_tx_done(int, TickType_t) {
    return 0;
}
[[noreturn]] inline void esp_restart() {
    for (;;) {
    }
}
