// LOGISTIC: 1 / (1 + exp(-x)) of every element.
#pragma once

#include <cmath>
#include <cstdint>

namespace kerf {

struct LogisticParams {
    int32_t count;
};

// `table[i]` is the output for the input i - 128, 256 entries: computed at lowering, which is exact, smaller than the
// code it replaces, and a few instructions per element. The output has scale 1/256 and zero point -128. It may share
// the input's memory. Must equal TFLM: reference_integer_ops::Logistic in reference/integer_ops/logistic.h.
inline void logistic_int8(const LogisticParams& params, const int8_t* input, const int8_t* table, int8_t* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = table[input[i] + 128];
}

// The output may share the input's memory. The bounds are those outside of which the formula gains nothing in float32.
// Must equal TFLM: reference_ops::Logistic<float> in reference/logistic.h, up to the C library's expf.
inline void logistic_float32(const LogisticParams& params, const float* input, float* output) {
    constexpr float kUpper = 16.619047164916992188f;
    constexpr float kLower = -9.0f;
    for (int32_t i = 0; i < params.count; ++i) {
        const float x = input[i];
        if (x > kUpper) {
            output[i] = 1.0f;
        } else if (x < kLower) {
            output[i] = std::exp(x);
        } else {
            output[i] = 1.0f / (1.0f + std::exp(-x));
        }
    }
}

}  // namespace kerf
