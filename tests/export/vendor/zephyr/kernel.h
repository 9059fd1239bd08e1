// Stands for Zephyr's clock: 50 us from one reading to the next.
#pragma once

#include <stdint.h>

static int64_t now_us;

static inline int64_t k_uptime_ticks(void) {
    return now_us += 50;
}
static inline uint64_t k_ticks_to_us_floor64(uint64_t ticks) {
    return ticks;
}
