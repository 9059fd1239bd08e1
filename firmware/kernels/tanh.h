// TANH for int16. For int8 see table.h, for float32 functions.h.
#pragma once

#include <stdint.h>

namespace kerf {

//   multiplier, right_shift  input scale * 3 * 2^12, rounded; multiplier < 2^15
// The rescaled input has 48 * 2^8 steps per unit.
struct TanhInt16Params {
    int32_t count;
    int32_t multiplier;
    int32_t right_shift;
};

// tanh(x) = 2 / (1 + exp(-2x)) - 1 in Q0.15 for `scaled` = x in steps of 1 / (48 * 2^8). `sigmoids[i]` is
// 1 / (1 + exp(-i / 24)) in Q0.16, 256 entries, between which it interpolates.
inline int32_t TanhQ15(int32_t scaled, const uint16_t* sigmoids) {
    constexpr int32_t kHalf = 1 << 23;  // in Q0.24, like `sigmoid`
    const int32_t magnitude = scaled < 0 ? -scaled : scaled;
    const int32_t index = magnitude >> 8;
    int32_t sigmoid = 0xffff << 8;  // of twice the magnitude
    if (index < 255) {
        const int32_t slope = sigmoids[index + 1] - sigmoids[index];
        sigmoid = (sigmoids[index] << 8) + (magnitude & 0xff) * slope;
    }
    const int32_t result = scaled >= 0 ? sigmoid - kHalf + (1 << 7) : kHalf - sigmoid + (1 << 7) - 1;
    return result >> 8;
}

// The output has scale 2^-15. It may share the input's memory. Must equal TFLM: reference_integer_ops::Tanh for int16
// in reference/integer_ops/tanh.h.
inline void tanh_int16(const TanhInt16Params& params, const int16_t* input, const uint16_t* sigmoids, int16_t* output) {
    const int32_t rounding = params.right_shift > 0 ? int32_t{1} << (params.right_shift - 1) : 0;
    for (int32_t i = 0; i < params.count; ++i) {
        const int32_t scaled = (input[i] * params.multiplier + rounding) >> params.right_shift;
        output[i] = static_cast<int16_t>(TanhQ15(scaled, sigmoids));
    }
}

}  // namespace kerf
