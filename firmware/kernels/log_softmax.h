// LOG_SOFTMAX along the last dimension: x - log(sum of exp(x)) of each element.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

// log(x) in Q5.26 for x >= 1 in Q12.19: x = r * 2^n with r near sqrt(1/2), whose logarithm is approximated by a
// quotient of polynomials. Must equal TFLM: log_x_for_x_greater_than_or_equal_to_1_impl in
// tensorflow/lite/kernels/internal/common.h.
inline int32_t LogOfSum(int32_t x) {
    constexpr int32_t kIntegerBits = 12, kAccumulatorBits = 6;
    constexpr int32_t kLog2 = 1488522236, kFourthRootOfHalf = 1805811301, kRootOfHalf = 1518500250;
    constexpr int32_t kAlphaN = 117049297, kAlphaD = 127690142, kAlphaI = 1057819769, kAlphaF = 638450708;
    constexpr int32_t kQuarter = (1 << 29) >> kAccumulatorBits;
    const auto mul = [](int32_t a, int32_t b) { return SaturatingRoundingDoublingHighMul(a, b); };
    // An exponent in Q6.25; the sums and differences below fit in 32 bits.
    const auto exponent = [](int32_t n) { return SaturatingShiftLeft(n, 31 - kAccumulatorBits); };

    const int32_t leading_a = __builtin_clz(static_cast<uint32_t>(x));
    const int32_t r_a = SaturatingShiftLeft(mul(SaturatingShiftLeft(x, leading_a - 1), kRootOfHalf), 1);
    const int32_t power_a = exponent(kIntegerBits - leading_a) + kQuarter;

    const int32_t headroom_b = __builtin_clz(static_cast<uint32_t>(mul(x, kRootOfHalf))) - 1;
    const int32_t r_b = SaturatingShiftLeft(x, headroom_b);
    const int32_t power_b = exponent(kIntegerBits - headroom_b) - kQuarter;

    const int32_t r = r_a < r_b ? r_a : r_b;
    const int32_t power = power_a > power_b ? power_a : power_b;

    const int64_t sum = static_cast<int64_t>(r) + kFourthRootOfHalf;  // both are positive
    const int32_t p = static_cast<int32_t>((sum + 1) / 2);
    const int32_t q = 2 * (r - kFourthRootOfHalf);
    const int32_t square = mul(q, q);
    const int32_t numerator = mul(q, r) + mul(mul(q, square), kAlphaN);
    const int32_t denominator = mul(p, kAlphaI + q + mul(kAlphaD, square)) + mul(kAlphaF, q);
    const int32_t quotient = mul(RoundingDivideByPowerOfTwo(numerator, kAccumulatorBits), OneOverOnePlusX(denominator));
    return SaturatingShiftLeft(mul(power, kLog2) + quotient, 1);
}

//   rows, depth          input and output are [rows][depth], depth 1 … 4095 (a row's sum is in Q12.19)
//   multiplier, shift    from a difference between elements to Q5.26, shift 1 … 31
//   reverse_…            from Q5.26 to a difference, shift <= 0
//   radius               the largest difference that is not negligible
//   table_size           entries of `exponentials`, 1 … 256
struct LogSoftmaxInt8Params {
    int32_t rows;
    int32_t depth;
    int32_t multiplier;
    int32_t shift;
    int32_t reverse_multiplier;
    int32_t reverse_shift;
    int32_t radius;
    int32_t table_size;
};

// `exponentials[d]` is exp(-d * input scale) in Q12.19 for an element d below its row's maximum; beyond the table, it
// is negligible. The output has scale 1/16 and zero point 127. It may share the input's memory.
// Must equal TFLM: reference_ops::LogSoftmaxQuantized in reference/log_softmax.h.
inline void log_softmax_int8(const LogSoftmaxInt8Params& params, const int8_t* input, const int32_t* exponentials,
                             int8_t* output) {
    constexpr int32_t kRightShift = 31 - 5 - 4;  // from Q5.26 to the output's Q4.4
    for (int32_t row = 0; row < params.rows; ++row) {
        int32_t max = input[0];
        for (int32_t i = 1; i < params.depth; ++i) {
            if (input[i] > max) max = input[i];
        }
        int32_t sum = 0;  // becomes at least 1: the maximum contributes exp(0)
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t below = max - input[i];
            if (below < params.table_size) sum += exponentials[below];
        }
        const int32_t log_of_sum = LogOfSum(sum);
        // Below this difference, subtracting the logarithm would exceed Q5.26.
        const int32_t lowest = MultiplyByQuantizedMultiplier(log_of_sum + Limits<int32_t>::kLowest,
                                                             params.reverse_multiplier, params.reverse_shift);
        const int32_t least = lowest > -params.radius - 1 ? lowest : -params.radius - 1;
        for (int32_t i = 0; i < params.depth; ++i) {
            const int32_t difference = input[i] - max;
            int32_t result = Limits<int8_t>::kLowest;
            if (difference > least) {
                const int32_t scaled = MultiplyByQuantizedMultiplier(difference, params.multiplier, params.shift);
                result = RoundingDivideByPowerOfTwo(scaled - log_of_sum, kRightShift) + 127;
            }
            output[i] = Saturate<int8_t>(result);
        }
        input += params.depth;
        output += params.depth;
    }
}

struct LogSoftmaxFloat32Params {
    int32_t rows;
    int32_t depth;
};

// The output may share the input's memory.
// Must equal TFLM: reference_ops::LogSoftmax in reference/log_softmax.h, up to the C library's functions.
inline void log_softmax_float32(const LogSoftmaxFloat32Params& params, const float* input, float* output) {
    for (int32_t row = 0; row < params.rows; ++row) {
        float max = Limits<float>::kLowest;
#pragma GCC unroll 8
        for (int32_t i = 0; i < params.depth; ++i) {
            if (max < input[i]) max = input[i];
        }
        float sum = 0.0f;
        for (int32_t i = 0; i < params.depth; ++i) sum += expf(input[i] - max);
        const float log_of_sum = logf(sum);
#pragma GCC unroll 8
        for (int32_t i = 0; i < params.depth; ++i) output[i] = input[i] - max - log_of_sum;
        input += params.depth;
        output += params.depth;
    }
}

}  // namespace kerf
