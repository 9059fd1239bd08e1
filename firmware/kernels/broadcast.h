// Elementwise operators on two tensors that are broadcast against each other.
//
// The shapes are collapsed to at most five loops, outermost first, with strides in elements: a stride of 0 repeats an
// operand along that loop, and the innermost strides are 0 or 1. The output is dense.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

// Params of a kernel that needs no others. Other kernels' params begin with the same fields.
struct BroadcastParams {
    int32_t shape[5];
    int32_t strides1[5];
    int32_t strides2[5];
};

// Calls output = combine(input1, input2) for every element of the loops.
template <typename Params, typename First, typename Second, typename Output, typename Combine>
inline void Broadcast(const Params& params, const First* input1, const Second* input2, Output* output,
                      Combine combine) {
    const int32_t stride1 = params.strides1[4];
    const int32_t stride2 = params.strides2[4];
    for (int32_t i0 = 0; i0 < params.shape[0]; ++i0) {
        for (int32_t i1 = 0; i1 < params.shape[1]; ++i1) {
            for (int32_t i2 = 0; i2 < params.shape[2]; ++i2) {
                for (int32_t i3 = 0; i3 < params.shape[3]; ++i3) {
                    const First* a = input1 + i0 * params.strides1[0] + i1 * params.strides1[1] +
                                     i2 * params.strides1[2] + i3 * params.strides1[3];
                    const Second* b = input2 + i0 * params.strides2[0] + i1 * params.strides2[1] +
                                      i2 * params.strides2[2] + i3 * params.strides2[3];
                    for (int32_t i4 = 0; i4 < params.shape[4]; ++i4) {
                        *output++ = combine(*a, *b);
                        a += stride1;
                        b += stride2;
                    }
                }
            }
        }
    }
}

// Broadcast() of operands that are first brought to a common scale, with kBits fractional bits: each is
// (element + offset) * 2^kBits, times its multiplier, in params.input1_offset, …_multiplier and …_shift, and input2_….
template <int kBits, typename Params, typename T, typename Output, typename Combine>
inline void BroadcastRescaled(const Params& params, const T* input1, const T* input2, Output* output, Combine combine) {
    constexpr int32_t kOne = 1 << kBits;
    Broadcast(params, input1, input2, output, [&params, &combine](T a, T b) {
        return combine(MultiplyByQuantizedMultiplier((a + params.input1_offset) * kOne, params.input1_multiplier,
                                                     params.input1_shift),
                       MultiplyByQuantizedMultiplier((b + params.input2_offset) * kOne, params.input2_multiplier,
                                                     params.input2_shift));
    });
}

}  // namespace kerf
