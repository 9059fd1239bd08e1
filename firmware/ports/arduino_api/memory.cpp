// The stack high-water mark and the spare RAM, without knowing where a core puts stack and heap: a part of the stack
// below setup() is painted, and the heap lends its memory.
#include <cstdlib>

#include "port/port.h"
#include "ports/arduino_api/parts.h"

namespace {

constexpr uint32_t kPaint = 0xC5C5C5C5;
constexpr size_t kPaintedWords = 512;   // 2 KB; the smallest stack of the cores that were read has 8 KB
constexpr size_t kUntouchedWords = 16;  // below a frame: what a register window or an interrupt may use
constexpr size_t kMostSpareBytes = 65536;
constexpr size_t kLeastSpareBytes = 256;

uint32_t* top = nullptr;
uint8_t* spare = nullptr;
size_t spare_bytes = 0;

// At most half of the largest free block of a power of two, so that the core keeps a heap of its own.
void take_spare_ram() {
    for (size_t bytes = kMostSpareBytes; bytes >= kLeastSpareBytes; bytes /= 2) {
        void* const block = std::malloc(2 * bytes);
        if (block == nullptr) continue;
        std::free(block);
        spare = static_cast<uint8_t*>(std::malloc(bytes));
        spare_bytes = spare == nullptr ? 0 : bytes;
        return;
    }
}

}  // namespace

namespace kerf::port {

// noinline: the frame must exist.
[[gnu::noinline]] void init_memory() {
    take_spare_ram();  // before painting: malloc() uses more stack than an inference does
    top = static_cast<uint32_t*>(__builtin_frame_address(0)) - kUntouchedWords;
    for (volatile uint32_t* word = top - kPaintedWords; word < top; ++word) *word = kPaint;
}

// Below setup(); what is above it belongs to the core.
uint32_t stack_used_bytes() {
    const volatile uint32_t* word = top - kPaintedWords;
    while (word < top && *word == kPaint) ++word;
    return static_cast<uint32_t>(top - word + static_cast<ptrdiff_t>(kUntouchedWords)) * sizeof(uint32_t);
}

uint32_t stack_size_bytes() {
    return 0;
}

Span spare_ram() {
    return {spare, spare_bytes};
}

}  // namespace kerf::port
