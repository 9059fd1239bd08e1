// The main task's stack high-water mark, which FreeRTOS tracks; and the spare RAM: what is left of ESP-IDF's heap after
// start-up, except a reserve.
#include "port/port.h"
#include "ports/espidf/parts.h"
#include "ports/espidf/vendor.h"

namespace {

constexpr size_t kHeapReserveBytes = 16384;

uint8_t* spare = nullptr;
size_t spare_bytes = 0;

}  // namespace

namespace kerf::port {

void init_memory() {
    constexpr uint32_t kKind = MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL;
    const size_t largest = heap_caps_get_largest_free_block(kKind);
    if (largest <= kHeapReserveBytes) return;
    spare = static_cast<uint8_t*>(heap_caps_malloc(largest - kHeapReserveBytes, kKind));
    if (spare != nullptr) spare_bytes = largest - kHeapReserveBytes;
}

// ESP-IDF's FreeRTOS counts stacks in bytes.
uint32_t stack_used_bytes() {
    return stack_size_bytes() - uxTaskGetStackHighWaterMark(nullptr);
}

uint32_t stack_size_bytes() {
    return ESP_TASK_MAIN_STACK;
}

Span spare_ram() {
    return {spare, spare_bytes};
}

}  // namespace kerf::port
