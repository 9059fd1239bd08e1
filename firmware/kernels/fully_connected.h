// FULLY_CONNECTED, portable. Must equal TFLM's reference kernels: int8 FullyConnected and FullyConnectedPerChannel in
// tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h, float32 FullyConnected in
// reference/fully_connected.h, which adds in this same order.
//
//   input        [batches][input_depth]
//   filter       [output_depth][input_depth]
//   bias         [output_depth], may be null
//   multipliers  [output_depth], shifts [output_depth]: see MultiplyByQuantizedMultiplier
//   output       [batches][output_depth], must not overlap the input
#pragma once

#include <cstdint>

#include "kernels/fixed_point.h"
#include "kernels/window.h"

namespace kerf {

// Sizes are at least 1. input_offset and filter_offset are the negatives of the zero points (-127 … 128; filter_offset
// is 0 for symmetric weights), output_offset is the output's zero point (-128 … 127).
struct FullyConnectedInt8Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    int32_t input_offset, filter_offset, output_offset;
    int32_t activation_min, activation_max;
};

struct FullyConnectedFloat32Params {
    int32_t batches;
    int32_t input_depth, output_depth;
    float activation_min, activation_max;
};

inline void fully_connected_int8(const FullyConnectedInt8Params& p, const int8_t* input, const int8_t* filter,
                                 const int32_t* bias, const int32_t* multipliers, const int32_t* shifts,
                                 int8_t* output) {
    const int32_t input_offset = p.input_offset;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        // The filter's zero point adds the same to every sum of a batch: filter_offset * (sum of the input).
        uint32_t offset_term = 0;
        if (p.filter_offset != 0) {
            for (int32_t i = 0; i < p.input_depth; ++i) {
                offset_term += static_cast<uint32_t>(p.filter_offset * (input[i] + input_offset));
            }
        }
        const int8_t* row = filter;
        for (int32_t channel = 0; channel < p.output_depth; ++channel) {
            const uint32_t sum = AddProducts(offset_term, input, row, p.input_depth, [=](int32_t in, int32_t weight) {
                return static_cast<uint32_t>(weight * (in + input_offset));
            });
            *output++ = RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel],
                                         shifts[channel], p.output_offset, p.activation_min, p.activation_max);
            row += p.input_depth;
        }
        input += p.input_depth;
    }
}

inline void fully_connected_float32(const FullyConnectedFloat32Params& p, const float* input, const float* filter,
                                    const float* bias, float* output) {
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const float* row = filter;
        for (int32_t channel = 0; channel < p.output_depth; ++channel) {
            const float sum =
                AddProducts(0.0f, input, row, p.input_depth, [](float in, float weight) { return in * weight; });
            *output++ = Clamp(sum + (bias != nullptr ? bias[channel] : 0.0f), p.activation_min, p.activation_max);
            row += p.input_depth;
        }
        input += p.input_depth;
    }
}

}  // namespace kerf
