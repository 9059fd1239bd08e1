// CONV_2D, portable. Must equal TFLM's reference kernels: int8 ConvPerChannel in
// tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, float32 Conv in reference/conv.h, summed in the same
// order.
//
//   input        [batches][input_height][input_width][input_depth]
//   filter       [output_depth][filter_height][filter_width][filter_depth], filter_depth = input_depth / groups
//   bias         [output_depth], may be null
//   multipliers  [output_depth], shifts [output_depth]: see MultiplyByQuantizedMultiplier
//   output       [batches][output_height][output_width][output_depth], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"
#include "kernels/float_products.h"
#include "kernels/hybrid.h"
#include "kernels/weights.h"
#include "kernels/window.h"

namespace kerf {

// Sizes, strides and dilations are at least 1, paddings at least 0, all in elements. input_offset is the input's
// negated zero point (-127 … 128), output_offset the output's zero point (-128 … 127); weights are symmetric.
struct Conv2DInt8Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width, filter_depth;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t input_offset, output_offset;
    int32_t activation_min, activation_max;
};

// The number of output channels, for code that handles both kinds of convolution.
constexpr int32_t OutputDepth(const Conv2DInt8Params& p) {
    return p.output_depth;
}

constexpr bool IsPointwise(const Conv2DInt8Params& p) {
    return p.filter_height == 1 && p.filter_width == 1 && p.stride_height == 1 && p.stride_width == 1 &&
           p.padding_top == 0 && p.padding_left == 0;
}

// A pointwise convolution as one long row, because it treats all positions alike.
constexpr Conv2DInt8Params Flattened(Conv2DInt8Params p) {
    if (!IsPointwise(p)) return p;
    p.input_width = p.output_width = p.batches * p.output_height * p.output_width;
    p.batches = p.input_height = p.output_height = 1;
    return p;
}

// Both offsets of the uint8 kernel are negated zero points (-255 … 0); output_offset is 0 … 255.
struct Conv2DUint8Params : Conv2DInt8Params {
    int32_t filter_offset;
    int32_t multiplier, shift;
};

struct Conv2DInt16Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width, filter_depth;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t activation_min, activation_max;
};

struct Conv2DFloat32Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width, filter_depth;
    int32_t output_height, output_width, output_depth;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    float activation_min, activation_max;
};

namespace internal {

// Applies `channels` filters of one group at every position; the first of them computes output channel `first`.
// product(input, filter) is one term of a sum, finish(sum, channel) turns a sum into an output element.
template <typename Sum, typename Params, typename Input, typename Weight, typename Output, typename Product,
          typename Finish>
inline void Conv2DFilters(const Params& p, const Input* input, const Weight* filters, Output* output, Product product,
                          Finish finish, int32_t first, int32_t channels) {
    const int32_t filter_row = p.filter_width * p.filter_depth;
    const int32_t filter_elements = p.filter_height * filter_row;
    const int32_t tap_step = p.dilation_width * p.input_depth;
    const int32_t row_step = p.dilation_height * p.input_width * p.input_depth;
    // If so, the taps of a filter row read contiguous elements: one run instead of one per tap.
    const bool rows_are_runs = p.dilation_width == 1 && p.filter_depth == p.input_depth;

    input += first / (p.output_depth / (p.input_depth / p.filter_depth)) * p.filter_depth;
    output += first;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            const TapRange rows = TapsInside(y, p.input_height, p.filter_height, p.dilation_height);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x * p.stride_width - p.padding_left;
                const TapRange taps = TapsInside(x, p.input_width, p.filter_width, p.dilation_width);
                // Where the first tap inside the input reads, for channel 0 of the group.
                const int32_t first_y = y + rows.first * p.dilation_height;
                const int32_t first_x = x + taps.first * p.dilation_width;
                const int32_t first_input = (first_y * p.input_width + first_x) * p.input_depth;
                int32_t first_filter = rows.first * filter_row + taps.first * p.filter_depth;
                Runs runs = {rows.last - rows.first,
                             taps.last - taps.first,
                             p.filter_depth,
                             tap_step,
                             row_step,
                             p.filter_depth,
                             filter_row};
                if (rows_are_runs) {
                    runs.length *= runs.count;
                    runs.count = 1;
                }
                int32_t channel = 0;
                for (; channel + 4 <= channels; channel += 4) {
                    Sum sums[4] = {};
                    AddRunsToFour(sums, input + first_input, filters + first_filter, filter_elements, runs, product);
                    output = FinishEach(sums, first + channel, output, finish);
                    first_filter += 4 * filter_elements;
                }
                for (; channel < channels; ++channel) {
                    Sum sum = 0;
                    ForEachRun(input + first_input, filters + first_filter, runs,
                               [&](const Input* in, const Weight* weights) {
                                   sum = AddProducts(sum, in, weights, runs.length, product);
                               });
                    *output++ = finish(sum, first + channel);
                    first_filter += filter_elements;
                }
                output += p.output_depth - channels;
            }
        }
        input += p.input_height * p.input_width * p.input_depth;
    }
}

// All filters, group by group.
template <typename Sum, typename Params, typename Input, typename Weight, typename Output, typename Product,
          typename Finish>
inline void Conv2D(const Params& p, const Input* input, const Weight* filters, Output* output, Product product,
                   Finish finish) {
    const int32_t channels = p.output_depth / (p.input_depth / p.filter_depth);
    for (int32_t first = 0; first < p.output_depth; first += channels) {
        Conv2DFilters<Sum>(p, input, filters, output, product, finish, first, channels);
        filters += channels * p.filter_height * p.filter_width * p.filter_depth;
    }
}

// The same for weights that must be widened.
template <typename Sum, typename Params, typename Input, typename Narrow, typename Output, typename Product,
          typename Finish>
inline void Conv2D(const Params& p, const Input* input, FiltersToWiden<Narrow> filters, Output* output, Product product,
                   Finish finish) {
    const int32_t group = p.output_depth / (p.input_depth / p.filter_depth);
    const int32_t filter_elements = p.filter_height * p.filter_width * p.filter_depth;
    for (int32_t first = 0, channels; first < p.output_depth; first += channels) {
        channels = Min(filters.at_once, group - first % group);
        const auto* wide = filters.Next(channels * filter_elements);
        Conv2DFilters<Sum>(p, input, wide, output, product, finish, first, channels);
    }
}

template <typename Weights, typename Bias>
inline void Conv2DFloat(const Conv2DFloat32Params& p, const float* input, Weights filter, Bias bias, bool has_bias,
                        float* output) {
    Conv2D<float>(p, input, filter, output, FloatProduct(),
                  FloatFinish<Bias>{bias, has_bias, p.activation_min, p.activation_max});
}

// LiteRT multiplies a sum by the scales of weights and input in either of two orders.
inline float ScaleTwice(float sum, float weight_scale, float scale) {
    return sum * weight_scale * scale;
}
inline float ScaleOnce(float sum, float weight_scale, float scale) {
    return sum * (weight_scale * scale);
}

// quantize(values, count, quantized) quantizes one image; scaled(sum, weight_scale, image_scale) converts a sum to a
// real number.
template <typename Weights, typename Quantize, typename Scaled>
inline void Conv2DHybrid(const Conv2DFloat32Params& p, const float* input, Weights filter, const float* bias,
                         const float* scales, uint8_t* scratch, float* output, Quantize quantize, Scaled scaled) {
    int8_t* const quantized = reinterpret_cast<int8_t*>(scratch);
    const int32_t image = p.input_height * p.input_width * p.input_depth;
    Conv2DFloat32Params single = p;
    single.batches = 1;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const RowQuantization row = quantize(input, image, quantized);
        Conv2D<uint32_t>(
            single, quantized, filter, output,
            [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in - row.zero_point)); },
            [=, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
                const float real = scaled(static_cast<float>(static_cast<int32_t>(sum)), scales[channel], row.scale);
                return Clamp(real + (bias != nullptr ? bias[channel] : 0.0f), low, high);
            });
        input += image;
        output += p.output_height * p.output_width * p.output_depth;
    }
}

template <typename Weights>
inline void Conv2DInt8(const Conv2DInt8Params& p, const int8_t* input, Weights filter, const int32_t* bias,
                       const int32_t* multipliers, const int32_t* shifts, int8_t* output) {
    const int32_t input_offset = p.input_offset;
    Conv2D<uint32_t>(
        p, input, filter, output,
        [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in + input_offset)); },
        [=, offset = p.output_offset, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
            return RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel], shifts[channel],
                                    offset, low, high);
        });
}

}  // namespace internal

// Size of `wide` in bytes, for `at_once` filters.
template <int32_t at_once>
constexpr int32_t conv_2d_int4_wide_bytes(const Conv2DInt8Params& p) {
    return at_once * p.filter_height * p.filter_width * p.filter_depth;
}

template <int32_t at_once>
constexpr int32_t conv_2d_int4_wide_bytes(const Conv2DFloat32Params& p) {
    return at_once * p.filter_height * p.filter_width * p.filter_depth;
}

template <int32_t at_once>
constexpr int32_t conv_2d_float16_wide_bytes(const Conv2DFloat32Params& p) {
    return static_cast<int32_t>(sizeof(float)) * at_once * p.filter_height * p.filter_width * p.filter_depth;
}

// Weights with a zero point, and one scale for all channels. Must equal LiteRT: reference_ops::Conv for uint8 in
// reference/conv.h.
inline void conv_2d_uint8(const Conv2DUint8Params& p, const uint8_t* input, const uint8_t* filter, const int32_t* bias,
                          uint8_t* output) {
    internal::Conv2D<uint32_t>(
        p, input, filter, output,
        [in_offset = p.input_offset, offset = p.filter_offset](int32_t in, int32_t weight) {
            return static_cast<uint32_t>((weight + offset) * (in + in_offset));
        },
        [&p, bias](uint32_t sum, int32_t channel) {
            return RequantizeTo<uint8_t>(sum, bias != nullptr ? bias[channel] : 0, p.multiplier, p.shift,
                                         p.output_offset, p.activation_min, p.activation_max);
        });
}

inline void conv_2d_int8(const Conv2DInt8Params& p, const int8_t* input, const int8_t* filter, const int32_t* bias,
                         const int32_t* multipliers, const int32_t* shifts, int8_t* output) {
    internal::Conv2DInt8(p, input, filter, bias, multipliers, shifts, output);
}

// The same with weights of 4 bits: Int4Weights; `wide` holds `at_once` filters of int8_t. TFLM unpacks all of them
// before it runs the kernel above.
template <int32_t at_once>
inline void conv_2d_int4(const Conv2DInt8Params& p, const int8_t* input, const uint8_t* filter, const int32_t* bias,
                         const int32_t* multipliers, const int32_t* shifts, uint8_t* wide, int8_t* output) {
    internal::Conv2DInt8(p, input, FiltersToWiden<Int4Weights>(filter, wide, at_once), bias, multipliers, shifts,
                         output);
}

// int16 input and output, both symmetric, with int8 weights. Sum is the accumulator: uint32_t if 127 * 2^15 times the
// number of products stays below 2^31, else int64_t. Multiplier and Shift are those of RequantizeToInt16. Must equal
// TFLM's ConvPerChannel for these types in reference/integer_ops/conv.h.
template <typename Sum, typename Bias, typename Multiplier, typename Shift>
inline void conv_2d_int16(const Conv2DInt16Params& p, const int16_t* input, const int8_t* filter, const Bias* bias,
                          const Multiplier* multipliers, const Shift* shifts, int16_t* output) {
    internal::Conv2D<Sum>(
        p, input, filter, output, [](int32_t in, int32_t weight) { return static_cast<Sum>(in * weight); },
        [=, low = p.activation_min, high = p.activation_max](Sum sum, int32_t channel) {
            return RequantizeToInt16(sum, bias != nullptr ? bias[channel] : Bias{0}, multipliers[channel],
                                     shifts[channel], low, high);
        });
}

inline void conv_2d_float32(const Conv2DFloat32Params& p, const float* input, const float* filter, const float* bias,
                            float* output) {
    internal::Conv2DFloat(p, input, filter, bias, bias != nullptr, output);
}

// Filter and bias are the bits of finite binary16 numbers; `wide` holds `at_once` filters of floats. Must equal the
// float32 kernel on the widened numbers.
template <int32_t at_once>
inline void conv_2d_float16(const Conv2DFloat32Params& p, const float* input, const uint16_t* filter,
                            const uint16_t* bias, uint8_t* wide, float* output) {
    internal::Conv2DFloat(p, input, FiltersToWiden<Float16Weights>(filter, wide, at_once), Float16Weights(bias),
                          bias != nullptr, output);
}

// Size of the hybrid kernels' `scratch` in bytes, for one image.
template <int32_t at_once = 1>
constexpr int32_t conv_2d_hybrid_scratch_bytes(const Conv2DFloat32Params& p) {
    return p.input_height * p.input_width * p.input_depth;
}

// Symmetric int8 weights with one scale per channel; float input, quantized image by image into `scratch`. Must equal
// LiteRT's HybridConvPerChannel in reference/conv.h.
inline void conv_2d_hybrid(const Conv2DFloat32Params& p, const float* input, const int8_t* filter, const float* bias,
                           const float* scales, uint8_t* scratch, float* output) {
    internal::Conv2DHybrid(p, input, filter, bias, scales, scratch, output, QuantizeRow<Asymmetric>,
                           internal::ScaleTwice);
}

// The same with one scale for all weights. Must equal LiteRT's HybridConv in optimized/optimized_ops.h.
inline void conv_2d_hybrid_symmetric(const Conv2DFloat32Params& p, const float* input, const int8_t* filter,
                                     const float* bias, const float* scales, uint8_t* scratch, float* output) {
    internal::Conv2DHybrid(p, input, filter, bias, scales, scratch, output, QuantizeRow<Symmetric>,
                           internal::ScaleOnce);
}

// The hybrid kernels with weights of 4 bits, as above.
template <int32_t at_once>
inline void conv_2d_hybrid_int4(const Conv2DFloat32Params& p, const float* input, const uint8_t* filter,
                                const float* bias, const float* scales, uint8_t* scratch, uint8_t* wide,
                                float* output) {
    internal::Conv2DHybrid(p, input, FiltersToWiden<Int4Weights>(filter, wide, at_once), bias, scales, scratch, output,
                           QuantizeRow<Asymmetric>, internal::ScaleTwice);
}

template <int32_t at_once>
inline void conv_2d_hybrid_symmetric_int4(const Conv2DFloat32Params& p, const float* input, const uint8_t* filter,
                                          const float* bias, const float* scales, uint8_t* scratch, uint8_t* wide,
                                          float* output) {
    internal::Conv2DHybrid(p, input, FiltersToWiden<Int4Weights>(filter, wide, at_once), bias, scales, scratch, output,
                           QuantizeRow<Symmetric>, internal::ScaleOnce);
}

}  // namespace kerf
