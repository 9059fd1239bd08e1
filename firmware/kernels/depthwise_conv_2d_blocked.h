// DEPTHWISE_CONV_2D of int8 for cores without an extension: some columns of the output together, so that a weight is
// loaded once for all of them. Must equal depthwise_conv_2d_int8() of depthwise_conv_2d.h.
//
// The rows of the input that a row of the output needs are copied, with their padding, into a ring; an input offset is
// in the bias, and padding is the zero point. Requantization is conv_2d_blocked.h's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/conv_2d_blocked.h"
#include "kernels/depthwise_conv_2d.h"

namespace kerf {

namespace blocked {

constexpr int32_t RingRows(const DepthwiseConv2DInt8Params& p) {
    return (p.filter_height - 1) * p.dilation_height + 1;
}

constexpr int32_t RingRowBytes(const DepthwiseConv2DInt8Params& p) {
    const int32_t reach = (p.output_width - 1) * p.stride_width + (p.filter_width - 1) * p.dilation_width + 1;
    return p.input_depth * std::max(reach, p.padding_left + p.input_width);
}

constexpr int32_t DepthwiseScratchWords(const DepthwiseConv2DInt8Params& p) {
    return (RingRows(p) * RingRowBytes(p) + 3) / 4;
}

// Rows of the ring that a window has: where the first begins, and bytes from one to the next, less `ring` where that is
// `end` or beyond it.
struct RingRowsOf {
    const int8_t* first;
    const int8_t* end;
    int32_t step, ring;

    const int8_t* Next(const int8_t* row) const {
        row += step;
        return row < end ? row : row - ring;
    }
};

// All channels of kColumns columns of the output, the first of which begins at column `x` of the ring's rows.
//   packed  for each channel its weights, filled up to whole words; bias, 2m - 2^32, 2^(n-1) + zero point * 2^n, n
// kFilter and kStride are the filter's height and width, and the stride along a row, of layers without dilation, where
// the compiler knows them; else 0.
template <bool kNegatives, int32_t kColumns, int32_t kFilter, int32_t kStride>
[[gnu::noinline]] void DepthwiseBlock(const DepthwiseConv2DInt8Params& p, const RingRowsOf& rows, int32_t x,
                                      const int32_t* packed, int8_t* output) {
    const int32_t depth = p.input_depth;
    const int32_t height = kFilter != 0 ? kFilter : p.filter_height;
    const int32_t width = kFilter != 0 ? kFilter : p.filter_width;
    const int32_t tap_step = kFilter != 0 ? depth : p.dilation_width * depth;
    const int32_t column_step = (kFilter != 0 ? kStride : p.stride_width) * depth;
    for (int32_t channel = 0; channel < depth; ++channel) {
        const auto* weights = reinterpret_cast<const int8_t*>(packed);
        packed += (height * width + 3) / 4;
        uint32_t sums[kColumns];
#pragma GCC unroll 4
        for (int32_t i = 0; i < kColumns; ++i) sums[i] = static_cast<uint32_t>(packed[0]);
        const int8_t* row = rows.first;
#pragma GCC unroll 3
        for (int32_t y = 0; y < height; ++y) {
            const int8_t* in = row + x + channel;
#pragma GCC unroll 3
            for (int32_t tap = 0; tap < width; ++tap) {
                const int32_t weight = *weights++;
#pragma GCC unroll 4
                for (int32_t i = 0; i < kColumns; ++i) sums[i] += static_cast<uint32_t>(weight * in[i * column_step]);
                in += tap_step;
            }
            row = rows.Next(row);
        }
#pragma GCC unroll 4
        for (int32_t i = 0; i < kColumns; ++i) {
            output[i * depth] = Requantize<kNegatives>(sums[i], packed[1], packed[2], packed[3]);
        }
        ++output;
        packed += 4;
    }
}

template <bool kNegatives, int32_t kColumns, int32_t kFilter, int32_t kStride>
inline void DepthwiseRows(const DepthwiseConv2DInt8Params& p, const int8_t* input, const int32_t* packed, int8_t* ring,
                          int8_t* output) {
    const int32_t row_bytes = RingRowBytes(p), ring_bytes = RingRows(p) * row_bytes;
    const int32_t image_row = p.input_width * p.input_depth, column = p.stride_width * p.input_depth;
    const int8_t* const end = ring + ring_bytes;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        int8_t* load_to = ring;
        int32_t loaded = 0;
        for (int32_t y = 0; y < p.output_height; ++y) {
            for (; loaded < y * p.stride_height + RingRows(p); ++loaded) {
                const int32_t from = loaded - p.padding_top;
                std::memset(load_to, -p.input_offset, static_cast<size_t>(row_bytes));
                if (from >= 0 && from < p.input_height) {
                    std::memcpy(load_to + p.padding_left * p.input_depth, input + from * image_row,
                                static_cast<size_t>(image_row));
                }
                load_to += row_bytes;
                if (load_to == end) load_to = ring;
            }
            const RingRowsOf rows = {load_to, end, p.dilation_height * row_bytes, ring_bytes};
            int32_t x = 0, left = p.output_width;
            for (; left >= kColumns; left -= kColumns) {
                DepthwiseBlock<kNegatives, kColumns, kFilter, kStride>(p, rows, x, packed, output);
                x += kColumns * column;
                output += kColumns * p.input_depth;
            }
            for (; left > 0; --left) {
                DepthwiseBlock<kNegatives, 1, kFilter, kStride>(p, rows, x, packed, output);
                x += column;
                output += p.input_depth;
            }
        }
        input += p.input_height * image_row;
    }
}

template <bool kNegatives>
inline void DepthwiseConv2DInt8(const DepthwiseConv2DInt8Params& p, const int8_t* input, const int32_t* packed,
                                uint8_t* scratch, int8_t* output) {
    auto* const ring = reinterpret_cast<int8_t*>(scratch);
    const bool is_3x3 = p.filter_height == 3 && p.filter_width == 3 && p.dilation_height == 1 && p.dilation_width == 1;
    if (is_3x3 && p.stride_width == 1) {
        DepthwiseRows<kNegatives, 2, 3, 1>(p, input, packed, ring, output);
    } else if (is_3x3 && p.stride_width == 2) {
        DepthwiseRows<kNegatives, 2, 3, 2>(p, input, packed, ring, output);
    } else {
        DepthwiseRows<kNegatives, 4, 0, 0>(p, input, packed, ring, output);
    }
    if (dsp::NarrowerThanInt8(p.activation_min, p.activation_max)) {
        dsp::ClampAll(output, p.batches * p.output_height * p.output_width * p.input_depth, p.activation_min,
                      p.activation_max);
    }
}

}  // namespace blocked

template <const DepthwiseConv2DInt8Params& p>
constexpr int32_t depthwise_conv_2d_int8_blocked_scratch_bytes() {
    return 4 * blocked::DepthwiseScratchWords(p);
}

//   p        depth_multiplier is 1
//   packed   see DepthwiseBlock
//   scratch  depthwise_conv_2d_int8_blocked_scratch_bytes() of it
//   output   may be the input where it is no larger: a row of the input is copied before anything is written over it
template <const DepthwiseConv2DInt8Params& p>
inline void depthwise_conv_2d_int8_blocked(const int8_t* input, const int32_t* packed, uint8_t* scratch,
                                           int8_t* output) {
    static_assert(p.depth_multiplier == 1);
    blocked::DepthwiseConv2DInt8<(p.activation_min != p.output_offset)>(p, input, packed, scratch, output);
}

}  // namespace kerf
