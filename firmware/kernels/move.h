// Elements at regular distances, copied to where they are neighbours: SLICE, TRANSPOSE and the other operators that
// only move elements, for any type.
//
// The output is written from front to back. It may share memory with the input where it never gets ahead of the reads.
#pragma once

#include <cstdint>
#include <cstring>

namespace kerf {

// Copies a run of bytes; both may overlap. Unit is 1, 2, 4 or 8 and divides `run`, which is then short, or 0, which
// leaves it to the C library.
template <int Unit>
inline void CopyRun(uint8_t* to, const uint8_t* from, int32_t run) {
    if constexpr (Unit == 0) {
        std::memmove(to, from, static_cast<size_t>(run));
    } else {
        for (int32_t i = 0; i < run; i += Unit) {
            uint8_t unit[Unit];
            std::memcpy(unit, from + i, Unit);
            std::memcpy(to + i, unit, Unit);
        }
    }
}

// All in bytes: where the first element lies, nested loops, outermost first, and how many neighbouring bytes the
// innermost copies each time. Steps may be 0 or negative.
struct MoveParams {
    int32_t first;
    int32_t counts[6];
    int32_t steps[6];
    int32_t run;
};

namespace internal {

template <int Unit, int Loop>
inline uint8_t* MoveLoop(const MoveParams& p, const uint8_t* input, int32_t at, uint8_t* output) {
    const int32_t step = p.steps[Loop];
    for (int32_t i = p.counts[Loop]; i > 0; --i) {
        if constexpr (Loop < 5) {
            output = MoveLoop<Unit, Loop + 1>(p, input, at, output);
        } else if constexpr (Unit == 0) {
            CopyRun<0>(output, input + at, p.run);
            output += p.run;
        } else {
            CopyRun<Unit>(output, input + at, Unit);
            output += Unit;
        }
        at += step;
    }
    return output;
}

}  // namespace internal

// Unit is 0, or 1, 2, 4 or 8 if it is `run`.
template <int Unit>
inline void move(const MoveParams& params, const void* input, void* output) {
    internal::MoveLoop<Unit, 0>(params, static_cast<const uint8_t*>(input), params.first,
                                static_cast<uint8_t*>(output));
}

}  // namespace kerf
