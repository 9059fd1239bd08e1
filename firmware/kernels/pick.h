// Elements at positions that are looked up in a table for each dimension: RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD and
// BATCH_TO_SPACE_ND, for any type. Input and output do not overlap.
#pragma once

#include <stdint.h>

#include "kernels/move.h"

namespace kerf {

// Five nested loops, outermost first, around runs of `run` contiguous bytes. The table contains counts[0] byte offsets
// for the outermost loop, then those of the next, and so on; a run begins in the input at the sum of its five offsets.
struct PickParams {
    int32_t counts[5];
    int32_t run;
};

namespace internal {

template <int Unit, int Loop>
inline uint8_t* PickLoop(const PickParams& p, const int32_t* table, const uint8_t* input, uint8_t* output) {
    const int32_t count = p.counts[Loop];
    for (int32_t i = 0; i < count; ++i) {
        if constexpr (Loop < 4) {
            output = PickLoop<Unit, Loop + 1>(p, table + count, input + table[i], output);
        } else {
            CopyRun<Unit>(output, input + table[i], p.run);
            output += p.run;
        }
    }
    return output;
}

}  // namespace internal

// Unit: see CopyRun().
template <int Unit>
inline void pick(const PickParams& params, const void* input, const int32_t* table, void* output) {
    internal::PickLoop<Unit, 0>(params, table, static_cast<const uint8_t*>(input), static_cast<uint8_t*>(output));
}

}  // namespace kerf
