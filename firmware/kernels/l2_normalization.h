// L2_NORMALIZATION along the last dimension: each element divided by the Euclidean norm of its row.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/inverse_sqrt.h"

namespace kerf {

//   rows, depth  input and output are [rows][depth], depth 1 … 33,025 for int8 (a sum of squares fits in 31 bits)
//   zero_point   of the input, -128 … 127
struct L2NormalizationInt8Params {
    int32_t rows;
    int32_t depth;
    int32_t zero_point;
};

// The output has scale 1/128 and zero point 0. It may share the input's memory. Must equal TFLM:
// reference_integer_ops::L2Normalization in reference/integer_ops/l2normalization.h.
inline void l2_normalization_int8(const L2NormalizationInt8Params& params, const int8_t* input, int8_t* output) {
    for (int32_t row = 0; row < params.rows; ++row) {
        int32_t sum = 0;
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t x = input[i] - params.zero_point;
            sum += x * x;
        }
        const InverseSqrt inverse = inverse_sqrt(sum);
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t x = input[i] - params.zero_point;
            output[i] = Saturate<int8_t>(MultiplyByQuantizedMultiplier(x, inverse.multiplier, inverse.shift + 7));
        }
        input += params.depth;
        output += params.depth;
    }
}

struct L2NormalizationFloat32Params {
    int32_t rows;
    int32_t depth;
};

// The output may share the input's memory. Must equal TFLM: reference_ops::L2Normalization in
// reference/l2normalization.h.
inline void l2_normalization_float32(const L2NormalizationFloat32Params& params, const float* input, float* output) {
    constexpr float kLeast = 1e-6f;
    for (int32_t row = 0; row < params.rows; ++row) {
        float sum = 0.0f;
        for (int32_t i = 0; i < params.depth; ++i) sum += input[i] * input[i];
        const float root = sqrtf(sum);
        const float norm = root < kLeast ? kLeast : root;
        for (int32_t i = 0; i < params.depth; ++i) output[i] = input[i] / norm;
        input += params.depth;
        output += params.depth;
    }
}

}  // namespace kerf
