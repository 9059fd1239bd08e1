// FULLY_CONNECTED, portable. Must equal TFLM's reference kernels: int8 FullyConnected and FullyConnectedPerChannel in
// tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h, float32 FullyConnected in
// reference/fully_connected.h, summed in the same order.
//
//   input        [batches][input_depth]
//   filter       [output_depth][input_depth]
//   bias         [output_depth], may be null
//   multipliers  [output_depth], shifts [output_depth]: see MultiplyByQuantizedMultiplier
//   output       [batches][output_depth], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/float_products.h"
#include "kernels/hybrid.h"
#include "kernels/weights.h"
#include "kernels/window.h"

namespace kerf {

// Sizes are at least 1. input_offset and filter_offset are the negated zero points (-127 … 128; filter_offset is 0 for
// symmetric weights), output_offset is the output's zero point (-128 … 127).
struct FullyConnectedInt8Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    int32_t input_offset, filter_offset, output_offset;
    int32_t activation_min, activation_max;
};

// Both offsets are negated zero points (-255 … 0); output_offset is 0 … 255.
struct FullyConnectedUint8Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    int32_t input_offset, output_offset;
    int32_t activation_min, activation_max;
    int32_t filter_offset;
    int32_t multiplier, shift;
};

struct FullyConnectedInt16Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    int32_t activation_min, activation_max;
};

struct FullyConnectedFloat32Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    float activation_min, activation_max;
};

namespace internal {

// Walks the output in memory order. start(input) is the initial value of every sum over a row of the input,
// product(input, filter) is one term of a sum, finish(sum, channel) turns it into an output element.
template <typename Sum, typename Params, typename Input, typename Weights, typename Output, typename Start,
          typename Product, typename Finish>
inline void FullyConnected(const Params& p, const Input* input, Weights filter, Output* output, Start start,
                           Product product, Finish finish) {
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const Sum first = start(input);
        Weights weights = filter;
        int32_t channel = 0;
        for (; channel + 4 <= p.output_depth; channel += 4) {
            Sum sums[4] = {first, first, first, first};
            AddProductsToFour(sums, input, weights, p.input_depth, p.input_depth, product);
            output = FinishEach(sums, channel, output, finish);
            weights += 4 * p.input_depth;
        }
        for (; channel < p.output_depth; ++channel) {
            *output++ = finish(AddProducts(first, input, weights, p.input_depth, product), channel);
            weights += p.input_depth;
        }
        input += p.input_depth;
    }
}

template <typename Weights>
inline void FullyConnectedFloat(const FullyConnectedFloat32Params& p, const float* input, Weights filter, Weights bias,
                                bool has_bias, float* output) {
    FullyConnected<float>(
        p, input, filter, output, [](const float*) { return 0.0f; }, FloatProduct(),
        FloatFinish<Weights>{bias, has_bias, p.activation_min, p.activation_max});
}

// quantize(values, count, quantized) quantizes one row of the input.
template <typename Weights, typename Quantize>
inline void FullyConnectedHybrid(const FullyConnectedFloat32Params& p, const float* input, Weights filter,
                                 const float* bias, const float* scales, uint8_t* scratch, float* output,
                                 Quantize quantize) {
    int8_t* const quantized = reinterpret_cast<int8_t*>(scratch);
    FullyConnectedFloat32Params single = p;
    single.batches = 1;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const RowQuantization row = quantize(input, p.input_depth, quantized);
        FullyConnected<uint32_t>(
            single, quantized, filter, output, [](const int8_t*) { return uint32_t{0}; },
            [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in - row.zero_point)); },
            [=, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
                const float real = static_cast<float>(static_cast<int32_t>(sum)) * (scales[channel] * row.scale);
                return Clamp(real + (bias != nullptr ? bias[channel] : 0.0f), low, high);
            });
        input += p.input_depth;
        output += p.output_depth;
    }
}

template <typename Weights>
inline void FullyConnectedInt8(const FullyConnectedInt8Params& p, const int8_t* input, Weights filter,
                               const int32_t* bias, const int32_t* multipliers, const int32_t* shifts, int8_t* output) {
    const int32_t input_offset = p.input_offset;
    FullyConnected<uint32_t>(
        p, input, filter, output,
        [&](const int8_t* row) {
            // The filter's zero point adds the same number to every sum: filter_offset * (sum of the row).
            uint32_t sum = 0;
            if (p.filter_offset != 0) {
                for (int32_t i = 0; i < p.input_depth; ++i) {
                    sum += static_cast<uint32_t>(p.filter_offset * (row[i] + input_offset));
                }
            }
            return sum;
        },
        [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in + input_offset)); },
        [=, offset = p.output_offset, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
            return RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel], shifts[channel],
                                    offset, low, high);
        });
}

}  // namespace internal

// Weights with a zero point. Must equal LiteRT: reference_ops::FullyConnected for uint8 in reference/fully_connected.h.
inline void fully_connected_uint8(const FullyConnectedUint8Params& p, const uint8_t* input, const uint8_t* filter,
                                  const int32_t* bias, uint8_t* output) {
    internal::FullyConnected<uint32_t>(
        p, input, filter, output, [](const uint8_t*) { return uint32_t{0}; },
        [in_offset = p.input_offset, offset = p.filter_offset](int32_t in, int32_t weight) {
            return static_cast<uint32_t>((weight + offset) * (in + in_offset));
        },
        [&p, bias](uint32_t sum, int32_t channel) {
            const uint32_t biased = sum + static_cast<uint32_t>(bias != nullptr ? bias[channel] : 0);
            const int32_t scaled = MultiplyAndRoundOnce(static_cast<int32_t>(biased), p.multiplier, p.shift);
            const uint32_t moved = static_cast<uint32_t>(scaled) + static_cast<uint32_t>(p.output_offset);
            return static_cast<uint8_t>(Clamp(static_cast<int32_t>(moved), p.activation_min, p.activation_max));
        });
}

inline void fully_connected_int8(const FullyConnectedInt8Params& p, const int8_t* input, const int8_t* filter,
                                 const int32_t* bias, const int32_t* multipliers, const int32_t* shifts,
                                 int8_t* output) {
    internal::FullyConnectedInt8(p, input, filter, bias, multipliers, shifts, output);
}

// The same with weights of 4 bits: Int4Weights. TFLM unpacks them before it runs the kernel above.
inline void fully_connected_int4(const FullyConnectedInt8Params& p, const int8_t* input, const uint8_t* filter,
                                 const int32_t* bias, const int32_t* multipliers, const int32_t* shifts,
                                 int8_t* output) {
    internal::FullyConnectedInt8(p, input, Int4Weights(filter), bias, multipliers, shifts, output);
}

// int16 input and output, both symmetric, with int8 weights. Sum is the accumulator: uint32_t if 127 * 2^15 times the
// number of products stays below 2^31, else int64_t. Multiplier and Shift are those of RequantizeToInt16. Must equal
// TFLM's FullyConnected and FullyConnectedPerChannel in reference/integer_ops/fully_connected.h.
template <typename Sum, typename Bias, typename Multiplier, typename Shift>
inline void fully_connected_int16(const FullyConnectedInt16Params& p, const int16_t* input, const int8_t* filter,
                                  const Bias* bias, const Multiplier* multipliers, const Shift* shifts,
                                  int16_t* output) {
    internal::FullyConnected<Sum>(
        p, input, filter, output, [](const int16_t*) { return Sum{0}; },
        [](int32_t in, int32_t weight) { return static_cast<Sum>(in * weight); },
        [=, low = p.activation_min, high = p.activation_max](Sum sum, int32_t channel) {
            return RequantizeToInt16(sum, bias != nullptr ? bias[channel] : Bias{0}, multipliers[channel],
                                     shifts[channel], low, high);
        });
}

inline void fully_connected_float32(const FullyConnectedFloat32Params& p, const float* input, const float* filter,
                                    const float* bias, float* output) {
    internal::FullyConnectedFloat(p, input, filter, bias, bias != nullptr, output);
}

// Filter and bias are the bits of finite binary16 numbers. Must equal the float32 kernel on the widened numbers.
inline void fully_connected_float16(const FullyConnectedFloat32Params& p, const float* input, const uint16_t* filter,
                                    const uint16_t* bias, float* output) {
    internal::FullyConnectedFloat(p, input, Float16Weights(filter), Float16Weights(bias), bias != nullptr, output);
}

// Size of the hybrid kernels' `scratch` in bytes, for one row of the input.
constexpr int32_t fully_connected_hybrid_scratch_bytes(const FullyConnectedFloat32Params& p) {
    return p.input_depth;
}

// Symmetric int8 weights with one scale per channel; float input, quantized row by row into `scratch`. Must equal
// LiteRT's EvalHybridDense in tensorflow/lite/kernels/fully_connected.cc with asymmetric_quantize_inputs.
inline void fully_connected_hybrid(const FullyConnectedFloat32Params& p, const float* input, const int8_t* filter,
                                   const float* bias, const float* scales, uint8_t* scratch, float* output) {
    internal::FullyConnectedHybrid(p, input, filter, bias, scales, scratch, output, QuantizeRow<Asymmetric>);
}

// The same without asymmetric_quantize_inputs.
inline void fully_connected_hybrid_symmetric(const FullyConnectedFloat32Params& p, const float* input,
                                             const int8_t* filter, const float* bias, const float* scales,
                                             uint8_t* scratch, float* output) {
    internal::FullyConnectedHybrid(p, input, filter, bias, scales, scratch, output, QuantizeRow<Symmetric>);
}

// The hybrid kernels with weights of 4 bits: Int4Weights.
inline void fully_connected_hybrid_int4(const FullyConnectedFloat32Params& p, const float* input, const uint8_t* filter,
                                        const float* bias, const float* scales, uint8_t* scratch, float* output) {
    internal::FullyConnectedHybrid(p, input, Int4Weights(filter), bias, scales, scratch, output,
                                   QuantizeRow<Asymmetric>);
}

inline void fully_connected_hybrid_symmetric_int4(const FullyConnectedFloat32Params& p, const float* input,
                                                  const uint8_t* filter, const float* bias, const float* scales,
                                                  uint8_t* scratch, float* output) {
    internal::FullyConnectedHybrid(p, input, Int4Weights(filter), bias, scales, scratch, output,
                                   QuantizeRow<Symmetric>);
}

}  // namespace kerf
