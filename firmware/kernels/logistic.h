// LOGISTIC: 1 / (1 + exp(-x)) of every element; the int8 kernel is a table (table.h).
#pragma once

#include <math.h>
#include <stdint.h>

namespace kerf {

//   multiplier, right_shift  input scale * 3 * 2^12, rounded: the input in steps of 1 / (24 * 2^9); multiplier below
//   2^15
struct LogisticInt16Params {
    int32_t count;
    int32_t multiplier;
    int32_t right_shift;
};

// 1 / (1 + exp(-x)) in Q0.15 for `scaled` = x in steps of 1 / (24 * 2^9). `sigmoids[i]` is 1 / (1 + exp(-i / 24)) in
// Q0.16, 256 entries, between which it interpolates.
inline int32_t LogisticQ15(int32_t scaled, const uint16_t* sigmoids) {
    const int32_t magnitude = scaled < 0 ? -scaled : scaled;
    const int32_t index = magnitude >> 9;
    int32_t result = 0x7fff << 10;  // in Q0.25, of the magnitude
    if (index < 255) {
        const int32_t slope = sigmoids[index + 1] - sigmoids[index];
        result = (sigmoids[index] << 9) + (magnitude & 0x1ff) * slope;
    }
    if (scaled < 0) result = (1 << 25) - result - 1;
    return (result + (1 << 9)) >> 10;
}

// The output has scale 2^-15. It may share the input's memory. Must equal TFLM: reference_integer_ops::Logistic for
// int16 in reference/integer_ops/logistic.h.
inline void logistic_int16(const LogisticInt16Params& params, const int16_t* input, const uint16_t* sigmoids,
                           int16_t* output) {
    const int32_t half = params.right_shift > 0 ? int32_t{1} << (params.right_shift - 1) : 0;
    for (int32_t i = 0; i < params.count; ++i) {
        const int32_t scaled = (input[i] * params.multiplier + half) >> params.right_shift;
        output[i] = static_cast<int16_t>(LogisticQ15(scaled, sigmoids));
    }
}

struct LogisticFloat32Params {
    int32_t count;
};

// Beyond the bounds, the formula adds nothing in float32. Must equal TFLM: reference_ops::Logistic<float> in
// reference/logistic.h, up to the C library's expf.
inline float LogisticOf(float x) {
    constexpr float kUpper = 16.619047164916992188f;
    constexpr float kLower = -9.0f;
    if (x > kUpper) return 1.0f;
    if (x < kLower) return expf(x);
    return 1.0f / (1.0f + expf(-x));
}

// The output may share the input's memory.
inline void logistic_float32(const LogisticFloat32Params& params, const float* input, float* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = LogisticOf(input[i]);
}

}  // namespace kerf
