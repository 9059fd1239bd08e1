// DIV, FLOOR_DIV and FLOOR_MOD of two tensors, with broadcasting.
//
// The output is dense. It may share the memory of an operand with as many elements.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

//   input1_offset, input2_offset  the negated zero points, -127 … 128
//   output_multiplier, …_shift    input1 scale / input2 scale / output scale, shift <= 23
//   output_offset                 the zero point, -128 … 127
//   output_min, output_max        the fused activation, within int8
struct DivInt8Params {
    int32_t shape[5];  // see broadcast.h
    int32_t strides1[5];
    int32_t strides2[5];
    int32_t input1_offset;
    int32_t input2_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_offset;
    int32_t output_min;
    int32_t output_max;
};

// x / y * multiplier * 2^(shift - 31), for |x| <= 255 and |y| <= 255.
inline int32_t ScaledQuotient(int32_t x, int32_t y, int32_t multiplier, int32_t shift) {
    if (y == 0) return 0;
    if (y < 0) {
        x = -x;
        y = -y;
    }
    // y = (1 + fraction) * 2^(31 - leading_zeros)
    const int32_t leading_zeros = __builtin_clz(static_cast<uint32_t>(y));
    const uint32_t fraction = (static_cast<uint32_t>(y) << leading_zeros) - (uint32_t{1} << 31);
    const int32_t reciprocal = OneOverOnePlusX(static_cast<int32_t>(fraction));
    const int32_t headroom = __builtin_clrsb(x);
    const int32_t quotient = SaturatingRoundingDoublingHighMul(ShiftLeft(x, headroom), reciprocal);
    const int32_t right_shift = 31 - leading_zeros + headroom - shift;
    if (right_shift > 31) return 0;
    return RoundingDivideByPowerOfTwo(SaturatingRoundingDoublingHighMul(quotient, multiplier), right_shift);
}

// Must equal TFLM: reference_ops::DivElementwise in reference/div.h, where division by 0 and shifts by more than 31
// bits are undefined; here, the former gives 0 and the latter the rounded result.
inline void div_int8(const DivInt8Params& params, const int8_t* input1, const int8_t* input2, int8_t* output) {
    Broadcast(params, input1, input2, output, [&params](int8_t a, int8_t b) {
        const int32_t quotient = ScaledQuotient(a + params.input1_offset, b + params.input2_offset,
                                                params.output_multiplier, params.output_shift);
        return static_cast<int8_t>(Clamp(quotient + params.output_offset, params.output_min, params.output_max));
    });
}

// Rounds towards 0. Must equal TFLM: reference_ops::Div in reference/div.h, where division by 0, here 0, is undefined.
inline void div_int32(const BroadcastParams& params, const int32_t* input1, const int32_t* input2, int32_t* output) {
    Broadcast(params, input1, input2, output,
              [](int32_t a, int32_t b) { return static_cast<int32_t>(b == 0 ? 0 : int64_t{a} / b); });
}

struct DivFloat32Params {
    int32_t shape[5];
    int32_t strides1[5];
    int32_t strides2[5];
    float output_min;
    float output_max;
};

// Must equal TFLM: reference_ops::Div and BroadcastDivSlow in reference/div.h.
inline void div_float32(const DivFloat32Params& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output,
              [&params](float a, float b) { return Clamp(a / b, params.output_min, params.output_max); });
}

// Must equal TFLM: reference_ops::FloorDiv in reference/floor_div.h. TFLM aborts on division by 0.
inline void floor_div_float32(const BroadcastParams& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output, [](float a, float b) {
        return static_cast<float>(floor(static_cast<double>(a) / static_cast<double>(b)));
    });
}

// Must equal TFLM: reference_ops::FloorMod in reference/floor_mod.h.
inline void floor_mod_float32(const BroadcastParams& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output, [](float a, float b) {
        const float rest = fmodf(a, b);
        return rest != 0.0f && (b < 0.0f) != (rest < 0.0f) ? rest + b : rest;
    });
}

}  // namespace kerf
