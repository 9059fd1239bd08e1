// DEPTHWISE_CONV_2D, portable. Must equal TFLM's reference kernels: int8 DepthwiseConvPerChannel in
// tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h, float32 DepthwiseConv in
// reference/depthwiseconv_float.h, summed in the same order.
//
//   input        [batches][input_height][input_width][input_depth]
//   filter       [filter_height][filter_width][output_depth], output_depth = input_depth * depth_multiplier
//   bias         [output_depth], may be null
//   multipliers  [output_depth], shifts [output_depth]: see MultiplyByQuantizedMultiplier
//   output       [batches][output_height][output_width][output_depth], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/float_products.h"
#include "kernels/hybrid.h"
#include "kernels/weights.h"
#include "kernels/window.h"

namespace kerf {

// Sizes, strides, dilations and depth_multiplier are at least 1, paddings at least 0, all in elements. input_offset is
// the input's negated zero point (-127 … 128), output_offset the output's zero point (-128 … 127); weights are
// symmetric.
struct DepthwiseConv2DInt8Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width;
    int32_t depth_multiplier;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t input_offset, output_offset;
    int32_t activation_min, activation_max;
};

// The number of output channels, for code that handles both kinds of convolution.
constexpr int32_t OutputDepth(const DepthwiseConv2DInt8Params& p) {
    return p.input_depth * p.depth_multiplier;
}

// Both offsets of the uint8 kernel are negated zero points (-255 … 0); output_offset is 0 … 255.
struct DepthwiseConv2DUint8Params : DepthwiseConv2DInt8Params {
    int32_t filter_offset;
    int32_t multiplier, shift;
};

struct DepthwiseConv2DInt16Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width;
    int32_t depth_multiplier;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    int32_t activation_min, activation_max;
};

struct DepthwiseConv2DFloat32Params {
    int32_t batches;
    int32_t input_height, input_width, input_depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width;
    int32_t depth_multiplier;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t padding_top, padding_left;
    float activation_min, activation_max;
};

namespace internal {

// Walks the output in memory order. product(input, filter) is one term of a sum, finish(sum, channel) turns a sum into
// an output element.
template <typename Sum, typename Params, typename Input, typename Weights, typename Output, typename Product,
          typename Finish>
inline void DepthwiseConv2D(const Params& p, const Input* input, Weights filter, Output* output, Product product,
                            Finish finish) {
    constexpr int32_t kTogether = kChannelsTogether<Weights, Product>;
    const int32_t output_depth = p.input_depth * p.depth_multiplier;
    const int32_t tap_step = p.dilation_width * p.input_depth;
    const int32_t row_step = p.dilation_height * p.input_width * p.input_depth;
    const int32_t filter_row_step = p.filter_width * output_depth;

    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            const TapRange rows = TapsInside(y, p.input_height, p.filter_height, p.dilation_height);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x * p.stride_width - p.padding_left;
                const TapRange taps = TapsInside(x, p.input_width, p.filter_width, p.dilation_width);
                // Where the first tap inside the input reads, for channel 0.
                const int32_t first_y = y + rows.first * p.dilation_height;
                const int32_t first_x = x + taps.first * p.dilation_width;
                const int32_t first_input = (first_y * p.input_width + first_x) * p.input_depth;
                const int32_t first_filter = rows.first * filter_row_step + taps.first * output_depth;

                const Window window = {rows.last - rows.first, taps.last - taps.first, tap_step, row_step,
                                       output_depth,           filter_row_step};
                const Input* in = input + first_input;
                Weights weights = filter + first_filter;
                int32_t channel = 0;
                if (p.depth_multiplier == 1) {
                    // kTogether channels at a time, which are contiguous in input and filter.
                    for (; channel + kTogether <= output_depth; channel += kTogether) {
                        Sum sums[kTogether] = {};
                        AddWindowOfEach(sums, in + channel, weights + channel, window, product);
                        output = FinishEach(sums, channel, output, finish);
                    }
                }
                // The remaining channels, or all if depth_multiplier > 1: that many in a row then share their input.
                int32_t input_channel = channel;
                int32_t input_channel_end = channel + p.depth_multiplier;
                for (; channel < output_depth; ++channel) {
                    if (channel == input_channel_end) {
                        input_channel_end += p.depth_multiplier;
                        ++input_channel;
                    }
                    *output++ =
                        finish(AddWindow(Sum{0}, in + input_channel, weights + channel, window, product), channel);
                }
            }
        }
        input += p.input_height * p.input_width * p.input_depth;
    }
}

template <typename Weights>
inline void DepthwiseConv2DFloat(const DepthwiseConv2DFloat32Params& p, const float* input, Weights filter,
                                 Weights bias, bool has_bias, float* output) {
    DepthwiseConv2D<float>(p, input, filter, output, FloatProduct(),
                           FloatFinish<Weights>{bias, has_bias, p.activation_min, p.activation_max});
}

}  // namespace internal

// Weights with a zero point, and one scale for all channels. Must equal LiteRT: reference_ops::DepthwiseConv for uint8
// in reference/depthwiseconv_uint8.h.
inline void depthwise_conv_2d_uint8(const DepthwiseConv2DUint8Params& p, const uint8_t* input, const uint8_t* filter,
                                    const int32_t* bias, uint8_t* output) {
    internal::DepthwiseConv2D<uint32_t>(
        p, input, filter, output,
        [in_offset = p.input_offset, offset = p.filter_offset](int32_t in, int32_t weight) {
            return static_cast<uint32_t>((weight + offset) * (in + in_offset));
        },
        [&p, bias](uint32_t sum, int32_t channel) {
            return RequantizeTo<uint8_t>(sum, bias != nullptr ? bias[channel] : 0, p.multiplier, p.shift,
                                         p.output_offset, p.activation_min, p.activation_max);
        });
}

inline void depthwise_conv_2d_int8(const DepthwiseConv2DInt8Params& p, const int8_t* input, const int8_t* filter,
                                   const int32_t* bias, const int32_t* multipliers, const int32_t* shifts,
                                   int8_t* output) {
    const int32_t input_offset = p.input_offset;
    internal::DepthwiseConv2D<uint32_t>(
        p, input, filter, output,
        [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in + input_offset)); },
        [=, offset = p.output_offset, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
            return RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel], shifts[channel],
                                    offset, low, high);
        });
}

// int16 input and output, both symmetric, with int8 weights. Sum is the accumulator: uint32_t if 127 * 2^15 times the
// number of products stays below 2^31, else int64_t. Multiplier and Shift are those of RequantizeToInt16. Must equal
// TFLM's DepthwiseConvPerChannel for these types in reference/integer_ops/depthwise_conv.h.
template <typename Sum, typename Bias, typename Multiplier, typename Shift>
inline void depthwise_conv_2d_int16(const DepthwiseConv2DInt16Params& p, const int16_t* input, const int8_t* filter,
                                    const Bias* bias, const Multiplier* multipliers, const Shift* shifts,
                                    int16_t* output) {
    internal::DepthwiseConv2D<Sum>(
        p, input, filter, output, [](int32_t in, int32_t weight) { return static_cast<Sum>(in * weight); },
        [=, low = p.activation_min, high = p.activation_max](Sum sum, int32_t channel) {
            return RequantizeToInt16(sum, bias != nullptr ? bias[channel] : Bias{0}, multipliers[channel],
                                     shifts[channel], low, high);
        });
}

inline void depthwise_conv_2d_float32(const DepthwiseConv2DFloat32Params& p, const float* input, const float* filter,
                                      const float* bias, float* output) {
    internal::DepthwiseConv2DFloat(p, input, filter, bias, bias != nullptr, output);
}

// Filter and bias are the bits of finite binary16 numbers. Must equal the float32 kernel on the widened numbers.
inline void depthwise_conv_2d_float16(const DepthwiseConv2DFloat32Params& p, const float* input, const uint16_t* filter,
                                      const uint16_t* bias, float* output) {
    internal::DepthwiseConv2DFloat(p, input, Float16Weights(filter), Float16Weights(bias), bias != nullptr, output);
}

// Size of the hybrid kernel's `scratch` in bytes, for one image.
constexpr int32_t depthwise_conv_2d_hybrid_scratch_bytes(const DepthwiseConv2DFloat32Params& p) {
    return p.input_height * p.input_width * p.input_depth;
}

// Symmetric int8 weights with one scale per channel; float input, quantized image by image into `scratch`. Must equal
// LiteRT's DepthwiseConvHybridPerChannel in reference/integer_ops/depthwise_conv.h.
inline void depthwise_conv_2d_hybrid(const DepthwiseConv2DFloat32Params& p, const float* input, const int8_t* filter,
                                     const float* bias, const float* scales, uint8_t* scratch, float* output) {
    int8_t* const quantized = reinterpret_cast<int8_t*>(scratch);
    const int32_t image = p.input_height * p.input_width * p.input_depth;
    DepthwiseConv2DFloat32Params single = p;
    single.batches = 1;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const RowQuantization row = QuantizeRow<Asymmetric>(input, image, quantized);
        internal::DepthwiseConv2D<uint32_t>(
            single, quantized, filter, output,
            [=](int32_t in, int32_t weight) { return static_cast<uint32_t>(weight * (in - row.zero_point)); },
            [=, low = p.activation_min, high = p.activation_max](uint32_t sum, int32_t channel) {
                const float real = static_cast<float>(static_cast<int32_t>(sum)) * (scales[channel] * row.scale);
                return Clamp(real + (bias != nullptr ? bias[channel] : 0.0f), low, high);
            });
        input += image;
        output += p.output_height * p.output_width * p.input_depth * p.depth_multiplier;
    }
}

}  // namespace kerf
