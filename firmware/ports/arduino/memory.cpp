// The stack high-water mark, by painting the stack; the spare RAM; and the RAM that survives a restart.
//
// In the linker script of the Nano 33 BLE, RAM ends with the heap and 1 KB of interrupt stack. What is left of the heap
// after start-up is claimed here for good, except a reserve for Mbed; the very top holds a crash record.
#include "port/port.h"
#include "ports/arduino/parts.h"
#include "ports/arduino/vendor.h"

extern "C" uint8_t __HeapLimit[];

namespace {

constexpr uint32_t kPaint = 0xC5C5C5C5;
constexpr size_t kHeapReserveBytes = 8192;  // also excluded from the RAM limit in the board table

uint8_t* spare = nullptr;
size_t spare_bytes = 0;

// The thread that calls setup() and loop(); the lowest word of its stack is RTX's overflow canary.
osRtxThread_t* main_thread;
uint32_t* stack_begin() {
    return static_cast<uint32_t*>(main_thread->stack_mem) + 1;
}
uint32_t* stack_end() {
    return static_cast<uint32_t*>(main_thread->stack_mem) + main_thread->stack_size / sizeof(uint32_t);
}

void take_spare_ram() {
    auto* const begin = static_cast<uint8_t*>(sbrk(0));
    const auto left = static_cast<size_t>(__HeapLimit - begin);
    if (left <= kHeapReserveBytes + kerf::port::kKeptBytes) return;
    const size_t bytes = (left - kHeapReserveBytes - kerf::port::kKeptBytes) & ~size_t{7};
    auto* const taken = static_cast<uint8_t*>(sbrk(static_cast<ptrdiff_t>(bytes)));
    if (taken == reinterpret_cast<uint8_t*>(-1)) return;
    spare = taken;
    spare_bytes = bytes;
}

}  // namespace

namespace kerf::port {

// Paints the stack below this function's frame. noinline: the frame must exist.
[[gnu::noinline]] void init_memory() {
    main_thread = static_cast<osRtxThread_t*>(osThreadGetId());
    uint32_t* const top = static_cast<uint32_t*>(__builtin_frame_address(0)) - 16;
    for (volatile uint32_t* word = stack_begin(); word < top; ++word) *word = kPaint;
    take_spare_ram();
}

uint32_t stack_used_bytes() {
    const volatile uint32_t* word = stack_begin();
    while (word < stack_end() && *word == kPaint) ++word;
    return static_cast<uint32_t>(stack_end() - word) * sizeof(uint32_t);
}

uint32_t stack_size_bytes() {
    return main_thread->stack_size;
}

Span spare_ram() {
    return {spare, spare_bytes};
}

void* kept_ram() {
    return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(__HeapLimit) - kKeptBytes);
}

}  // namespace kerf::port
