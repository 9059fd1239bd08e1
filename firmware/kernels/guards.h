// Guards around the tensors in the arena, for a model rendered with --check-arena: filled before each step and compared
// after it, they show that the step has written outside its tensors.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace kerf {

// Bytes of the arena, begin <= at < end.
struct Guard {
    uint32_t begin;
    uint32_t end;
};

inline constexpr uint32_t kNothingChanged = 0xffffffff;

// The first byte of the guards that differs from `value`, as an offset in the arena; kNothingChanged if none does.
inline uint32_t first_changed(const uint8_t* arena, const Guard* guards, size_t count, uint8_t value) {
    const uint32_t four = value * 0x01010101u;
    for (const Guard* guard = guards; guard < guards + count; ++guard) {
        for (uint32_t at = guard->begin; at < guard->end;) {
            uint32_t word = ~four;
            if (at % sizeof(word) == 0 && guard->end - at >= sizeof(word)) memcpy(&word, arena + at, sizeof(word));
            if (word == four) {
                at += sizeof(word);
            } else if (arena[at] == value) {
                ++at;
            } else {
                return at;
            }
        }
    }
    return kNothingChanged;
}

// Runs a step; returns the first byte of the guards that it has changed, or kNothingChanged.
template <size_t kGuards>
uint32_t run_guarded(void (*step)(), uint8_t* arena, const Guard (&guards)[kGuards], uint8_t value) {
    for (const Guard& guard : guards) memset(arena + guard.begin, value, guard.end - guard.begin);
    step();
    return first_changed(arena, guards, kGuards, value);
}

}  // namespace kerf
