// TRANSPOSE_CONV, portable: each element of the input adds a filter, scaled by it, to the output. Must equal TFLM's
// reference kernels: TransposeConv in tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h and
// reference/transpose_conv.h. They iterate over the input and add to the output; here each output is computed in one
// go, from the same products in the same order, so that no memory for sums is needed.
//
//   input        [batches][input_height][input_width][input_depth]
//   filter       [output_depth][filter_height][filter_width][input_depth]
//   bias         [output_depth], may be null
//   multipliers  [output_depth], shifts [output_depth]: see MultiplyByQuantizedMultiplier
//   output       [batches][output_height][output_width][output_depth], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"
#include "kernels/window.h"

namespace kerf {

// Sizes and strides are at least 1, paddings at least 0, all in elements: input row i adds to the output rows from
// i * stride_height - padding_top on. input_offset is the input's negated zero point (-127 … 128),
// output_offset the output's zero point (-128 … 127); weights are symmetric.
struct TransposeConvInt8Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t padding_top, padding_left;
    int32_t input_offset, output_offset;
    int32_t activation_min, activation_max;
};

struct TransposeConvInt16Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t padding_top, padding_left;
    int32_t activation_min, activation_max;
};

struct TransposeConvFloat32Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t padding_top, padding_left;
    float activation_min, activation_max;
};

namespace internal {

// The input positions first … last - 1 along an axis that add to an output position; none if first >= last. `at` is the
// distance in elements from the start of the first input position's filter.
inline TapRange PositionsReaching(int32_t at, int32_t input_size, int32_t filter_size, int32_t stride) {
    const int32_t first = at < filter_size ? 0 : (at - filter_size + stride) / stride;
    return {first, Min(at / stride + 1, input_size)};
}

// product(input, filter) is one term of a sum, finish(sum, channel) turns a sum into an output element.
template <typename Sum, typename Params, typename Input, typename Weight, typename Output, typename Product,
          typename Finish>
inline void TransposeConv(const Params& p, const Input* input, const Weight* filter, Output* output, Product product,
                          Finish finish) {
    const int32_t filter_elements = p.filter_height * p.filter_width * p.input_depth;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y + p.padding_top;
            const TapRange rows = PositionsReaching(y, p.input_height, p.filter_height, p.stride_height);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x + p.padding_left;
                const TapRange columns = PositionsReaching(x, p.input_width, p.filter_width, p.stride_width);
                const auto for_each_position = [&](auto add) {
                    for (int32_t row = rows.first; row < rows.last; ++row) {
                        const int32_t filter_row = (y - row * p.stride_height) * p.filter_width;
                        for (int32_t column = columns.first; column < columns.last; ++column) {
                            const int32_t tap = filter_row + x - column * p.stride_width;
                            add(input + (row * p.input_width + column) * p.input_depth, tap * p.input_depth);
                        }
                    }
                };
                const Weight* weights = filter;
                int32_t channel = 0;
                for (; channel + 4 <= p.output_depth; channel += 4, weights += 4 * filter_elements) {
                    Sum sums[4] = {};
                    for_each_position([&](const Input* in, int32_t tap) {
                        AddProductsToFour(sums, in, weights + tap, filter_elements, p.input_depth, product);
                    });
                    for (int32_t i = 0; i < 4; ++i) *output++ = finish(sums[i], channel + i);
                }
                for (; channel < p.output_depth; ++channel, weights += filter_elements) {
                    Sum sum = 0;
                    for_each_position([&](const Input* in, int32_t tap) {
                        sum = AddProducts(sum, in, weights + tap, p.input_depth, product);
                    });
                    *output++ = finish(sum, channel);
                }
            }
        }
        input += p.input_height * p.input_width * p.input_depth;
    }
}

}  // namespace internal

inline void transpose_conv_int8(const TransposeConvInt8Params& p, const int8_t* input, const int8_t* filter,
                                const int32_t* bias, const int32_t* multipliers, const int32_t* shifts,
                                int8_t* output) {
    internal::TransposeConv<uint32_t>(
        p, input, filter, output,
        [offset = p.input_offset](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in + offset)); },
        [=, offset = p.output_offset, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
            return RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel], shifts[channel],
                                    offset, low, high);
        });
}

// int16 input and output, both symmetric, with int8 weights; Sum and the other types are those of conv_2d_int16().
template <typename Sum, typename Bias, typename Multiplier, typename Shift>
inline void transpose_conv_int16(const TransposeConvInt16Params& p, const int16_t* input, const int8_t* filter,
                                 const Bias* bias, const Multiplier* multipliers, const Shift* shifts,
                                 int16_t* output) {
    internal::TransposeConv<Sum>(
        p, input, filter, output, [](int32_t in, int32_t weight) { return static_cast<Sum>(in * weight); },
        [=, low = p.activation_min, high = p.activation_max](Sum sum, int32_t channel) {
            return RequantizeToInt16(sum, bias != nullptr ? bias[channel] : Bias{0}, multipliers[channel],
                                     shifts[channel], low, high);
        });
}

inline void transpose_conv_float32(const TransposeConvFloat32Params& p, const float* input, const float* filter,
                                   const float* bias, float* output) {
    internal::TransposeConv<float>(
        p, input, filter, output, [](float in, float weight) { return in * weight; },
        [=, low = p.activation_min, high = p.activation_max](float sum, int32_t channel) {
            return Clamp(bias != nullptr ? sum + bias[channel] : sum, low, high);
        });
}

}  // namespace kerf
