// The stack high-water mark, by painting the stack; and the spare RAM.
#include "baremetal/stack.h"

#include "baremetal/linker.h"
#include "port/port.h"

namespace {
constexpr uint32_t kPaint = 0xC5C5C5C5;
}

// noinline: the frame must exist.
[[gnu::noinline]] void kerf::baremetal::init_stack() {
    uint32_t* const top = static_cast<uint32_t*>(__builtin_frame_address(0)) - 16;
    for (volatile uint32_t* word = __stack_limit; word < top; ++word) *word = kPaint;
}

namespace kerf::port {

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
