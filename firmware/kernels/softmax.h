// SOFTMAX along the last dimension: exp(beta * x) of each element, divided by the sum of its row.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"
#include "kernels/lookup.h"

namespace kerf {

//   rows, depth  input and output are [rows][depth], depth 1 … 4095 (the sum of a row is Q12.19)
//   table_size   entries of `exponentials`, 1 … 256
struct SoftmaxInt8Params {
    int32_t rows;
    int32_t depth;
    int32_t table_size;
};

// `exponentials[d]` is exp(-d * input scale * beta) in Q0.31 for an element d below its row's maximum; beyond the
// table, it is too small to count. The output has scale 1/256 and zero point -128. It may share the input's memory.
// Must equal TFLM: reference_ops::Softmax<int8_t, int8_t> in reference/softmax.h.
template <typename T>
inline void Softmax8Bits(const SoftmaxInt8Params& params, const T* input, const int32_t* exponentials, T* output) {
    constexpr int32_t kSumIntegerBits = 12;
    for (int32_t row = 0; row < params.rows; ++row) {
        int32_t max = input[0];
        for (int32_t i = 1; i < params.depth; ++i) {
            if (input[i] > max) max = input[i];
        }

        int32_t sum = 0;  // Q12.19, at least 1: the maximum itself counts
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t below = max - input[i];
            if (below < params.table_size) sum += RoundingDivideByPowerOfTwo(exponentials[below], kSumIntegerBits);
        }

        // sum = (1 + fraction) * 2^n, hence 256 / sum = reciprocal * 2^-right_shift with reciprocal in Q0.31. From a
        // shift of 32 on (a sum of at least 512, where TFLM stops the program) every probability rounds to 0.
        const int32_t leading_zeros = __builtin_clz(static_cast<uint32_t>(sum));
        const int32_t right_shift = kSumIntegerBits - leading_zeros + 31 - 8;
        const uint32_t fraction = (static_cast<uint32_t>(sum) << leading_zeros) - (uint32_t{1} << 31);
        const int32_t reciprocal = OneOverOnePlusX(static_cast<int32_t>(fraction));

        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t below = max - input[i];
            int32_t probability = 0;  // in 1/256
            if (below < params.table_size && right_shift <= 31) {
                probability = RoundingDivideByPowerOfTwo(
                    SaturatingRoundingDoublingHighMul(reciprocal, exponentials[below]), right_shift);
            }
            output[i] = Saturate<T>(probability + Limits<T>::kLowest);
        }
        input += params.depth;
        output += params.depth;
    }
}

inline void softmax_int8(const SoftmaxInt8Params& params, const int8_t* input, const int32_t* exponentials,
                         int8_t* output) {
    Softmax8Bits(params, input, exponentials, output);
}

// The same with an output of zero point 0. Must equal LiteRT: reference_ops::Softmax<uint8_t, uint8_t>.
inline void softmax_uint8(const SoftmaxInt8Params& params, const uint8_t* input, const int32_t* exponentials,
                          uint8_t* output) {
    Softmax8Bits(params, input, exponentials, output);
}

//   rows, depth        input and output are [rows][depth], depth 1 … 65,535
//   multiplier, shift  input scale * beta / (10 / 65535), see MultiplyByQuantizedMultiplier
struct SoftmaxInt16Params {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
};

// Tables for LookUp(), in Q0.15: `exponentials` exp(x) for -10 … 0, `reciprocals` 1 / (1 + x) for 0 … 1. The output
// has scale 2^-15. It may share the input's memory. Must equal TFLM: reference_ops::SoftmaxInt16 in
// reference/softmax.h.
inline void softmax_int16(const SoftmaxInt16Params& params, const int16_t* input, const int16_t* exponentials,
                          const int16_t* reciprocals, int16_t* output) {
    for (int32_t row = 0; row < params.rows; ++row) {
        int32_t max = input[0];
        for (int32_t i = 1; i < params.depth; ++i) {
            if (input[i] > max) max = input[i];
        }
        int32_t sum = 0;  // Q16.15, at least 1: the maximum itself counts
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t below = MultiplyByQuantizedMultiplier(input[i] - max, params.multiplier, params.shift);
            output[i] = static_cast<int16_t>(LookUp(Saturate<int16_t>(below + 32767), exponentials));
            sum += output[i];
        }
        // sum = (1 + fraction) * 2^n; the fraction, 0 … 1, is the argument of the table.
        const int32_t leading_zeros = __builtin_clz(static_cast<uint32_t>(sum));
        const int64_t normalized = static_cast<int64_t>(sum) << (leading_zeros - 1);
        const int32_t fraction = static_cast<int32_t>((normalized + (1 << 13)) >> 14) - (1 << 16) - (1 << 15);
        const int32_t reciprocal = LookUp(Saturate<int16_t>(fraction), reciprocals);
        const int32_t right_shift = 31 - leading_zeros;
        const int32_t half = int32_t{1} << (right_shift - 1);
        for (int32_t i = 0; i < params.depth; ++i) {
            output[i] = static_cast<int16_t>(Clamp((output[i] * reciprocal + half) >> right_shift, 0, 32767));
        }
        input += params.depth;
        output += params.depth;
    }
}

struct SoftmaxFloat32Params {
    int32_t rows;
    int32_t depth;
    float beta;
};

// The output may share the input's memory.
// Must equal TFLM: reference_ops::Softmax<float> in reference/softmax.h, up to the C library's expf.
inline void softmax_float32(const SoftmaxFloat32Params& params, const float* input, float* output) {
    for (int32_t row = 0; row < params.rows; ++row) {
        float max = Limits<float>::kLowest;
        for (int32_t i = 0; i < params.depth; ++i) {
            if (max < input[i]) max = input[i];
        }
        float sum = 0.0f;
        for (int32_t i = 0; i < params.depth; ++i) {
            output[i] = expf((input[i] - max) * params.beta);
            sum += output[i];
        }
        for (int32_t i = 0; i < params.depth; ++i) output[i] /= sum;
        input += params.depth;
        output += params.depth;
    }
}

}  // namespace kerf
