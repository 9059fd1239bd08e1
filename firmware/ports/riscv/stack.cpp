// The stack high-water mark, by painting the stack; and the spare RAM.
#include "port/port.h"
#include "ports/riscv/core.h"
#include "ports/riscv/init.h"

namespace {
constexpr uint32_t kPaint = 0xC5C5C5C5;
}

namespace kerf::port {

// Paints the stack below this function's frame. noinline: the frame must exist.
[[gnu::noinline]] void init_stack() {
    uint32_t* const top = static_cast<uint32_t*>(__builtin_frame_address(0)) - 16;
    for (volatile uint32_t* word = __stack_limit; word < top; ++word) *word = kPaint;
}

uint32_t stack_used_bytes() {
    const volatile uint32_t* word = __stack_limit;
    while (word < __stack_top && *word == kPaint) ++word;
    return static_cast<uint32_t>(__stack_top - const_cast<const uint32_t*>(word)) * sizeof(uint32_t);
}

uint32_t stack_size_bytes() {
    return static_cast<uint32_t>(__stack_top - __stack_limit) * sizeof(uint32_t);
}

Span spare_ram() {
    uint8_t* const begin = reinterpret_cast<uint8_t*>(__bss_end);
    return {begin, static_cast<size_t>(__ram_end - begin)};
}

}  // namespace kerf::port
