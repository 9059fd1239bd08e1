// Strided elements copied to a dense output: SLICE, TRANSPOSE and other operators that only move elements, for any
// type.
//
// The output is written in order. It may overlap the input as long as no run is written before it and those that
// follow are read.
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf {

// Copies `run` bytes that do not overlap. Unit is 1, 2, 4 or 8 and divides `run`, for short runs that are copied
// inline, or 0 for memcpy(), which the compiler knows how to inline if `run` is a constant.
template <int Unit>
inline void CopyRun(uint8_t* to, const uint8_t* from, int32_t run) {
    if constexpr (Unit == 0) {
        memcpy(to, from, static_cast<size_t>(run));
    } else {
        for (int32_t i = 0; i < run; i += Unit) {
            uint8_t unit[Unit];
            memcpy(unit, from + i, Unit);
            memcpy(to + i, unit, Unit);
        }
    }
}

// Joining and splitting so many tensors at most is unrolled.
inline constexpr int kUnrolledParts = 4;

// Everything is in bytes.
//   first          offset of the first element in the input
//   counts, steps  nested loops, outermost first; steps may be 0 or negative
//   run            contiguous bytes that the innermost loop copies each time
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

// Unit is `run` if that is 1, 2, 4 or 8, else 0.
template <int Unit>
inline void move(const MoveParams& params, const void* input, void* output) {
    internal::MoveLoop<Unit, 0>(params, static_cast<const uint8_t*>(input), params.first,
                                static_cast<uint8_t*>(output));
}

}  // namespace kerf
