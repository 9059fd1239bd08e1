// 1 / sqrt(x) of integers, and RSQRT for int16. For int8 see table.h, for float32 functions.h.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

// 1 / sqrt(x) = multiplier * 2^(shift - 31), for MultiplyByQuantizedMultiplier; shift is -12 … 0.
struct InverseSqrt {
    int32_t multiplier;
    int32_t shift;
};

// x >= 0; 0 is treated as 1. Must equal TFLM: GetInvSqrtQuantizedMultiplierExp in tensorflow/lite/kernels/internal/
// common.cc.
inline InverseSqrt inverse_sqrt(int32_t x) {
    if (x <= 1) return {Limits<int32_t>::kHighest, 0};
    int32_t right_shift = 11;
    for (; x >= 1 << 29; ++right_shift) x /= 4;
    const int32_t pairs = (__builtin_clz(static_cast<uint32_t>(x)) - 1) / 2 - 1;
    right_shift -= pairs;
    const int32_t half = (x << (2 * pairs)) >> 1;  // the normalized x in Q3.28
    const int32_t quarter = RoundingDivideByPowerOfTwo(half, 1);
    constexpr int32_t kThreeHalves = (1 << 28) + (1 << 27), kHalfSqrt2 = 1518500250;
    int32_t root = 1 << 28;
    for (int step = 0; step < 5; ++step) {
        const int32_t square = SaturatingRoundingDoublingHighMul(root, root);         // Q6.25
        const int32_t cube = SaturatingRoundingDoublingHighMul(square, root);         // Q9.22
        const int32_t next = SaturatingRoundingDoublingHighMul(kThreeHalves, root) -  // Q6.25
                             SaturatingRoundingDoublingHighMul(quarter, SaturatingShiftLeft(cube, 6));
        root = SaturatingShiftLeft(next, 3);
    }
    const int32_t multiplier = SaturatingRoundingDoublingHighMul(root, kHalfSqrt2);
    return right_shift < 0 ? InverseSqrt{multiplier << -right_shift, 0} : InverseSqrt{multiplier, -right_shift};
}

//   multiplier, shift  1 / (sqrt(input scale) * output scale) / 2^20, shift -31 … 10
struct RsqrtInt16Params {
    int32_t count;
    int32_t multiplier;
    int32_t shift;
};

// Zero points are 0. An input of 0 gives the largest output, as does a negative one, on which TFLM aborts. The output
// may share the input's memory. Must equal TFLM: RsqrtEvalQuantized in micro/kernels/elementwise.cc.
inline void rsqrt_int16(const RsqrtInt16Params& params, const int16_t* input, int16_t* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        output[i] = Limits<int16_t>::kHighest;
        if (input[i] <= 0) continue;
        const InverseSqrt inverse = inverse_sqrt(input[i]);
        const int32_t in_q20 = MultiplyByQuantizedMultiplier(1, inverse.multiplier, inverse.shift + 20);
        output[i] = Saturate<int16_t>(MultiplyByQuantizedMultiplier(in_q20, params.multiplier, params.shift));
    }
}

}  // namespace kerf
