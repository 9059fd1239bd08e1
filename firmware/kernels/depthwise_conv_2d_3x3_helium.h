// DEPTHWISE_CONV_2D of int8 with a 3x3 filter for cores with Helium: strides 1x1 and 2x2, no dilation, one output
// channel per input channel. Must equal depthwise_conv_2d_int8() of depthwise_conv_2d.h.
//
// Computes two output rows, 16 channels and some columns at a time. Their input is copied into planes
// [column][channel][4 rows], so that one gather load reads 4x4 elements of a channel. VMLADAV multiplies them by the
// nine weights, padded with zeros to 4x4; for stride 1, the same elements serve two columns and two rows, with the
// filter shifted by a column, by a row, or by both.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/depthwise_conv_2d.h"
#include "kernels/helium.h"

namespace kerf {

namespace helium {

inline constexpr int32_t kPlaneRows = 4;                      // of the input
inline constexpr int32_t kPlaneColumn = kLanes * kPlaneRows;  // bytes
inline constexpr uint32_t kFourColumns[4] = {0, kPlaneColumn, 2 * kPlaneColumn, 3 * kPlaneColumn};
inline constexpr int32_t kBlock = 4;         // columns of the output
inline constexpr int32_t kFilterBytes = 24;  // with the zeros around the weights
inline constexpr int32_t kChannelBytes = kFilterBytes + 3 * int32_t{sizeof(int32_t)};

// Output columns that are computed at a time.
constexpr int32_t StripColumns(const DepthwiseConv2DInt8Params& p) {
    return Min(p.output_width, p.stride_width == 1 ? 4 * kBlock : 2 * kBlock);
}

constexpr int32_t PlaneColumns(int32_t stride, int32_t columns) {
    return (columns + kBlock - 1) / kBlock * kBlock * stride + 2;
}

// For stride 1, one plane serves both output rows; for stride 2, each row has its own. The padding for one row follows.
constexpr int32_t DepthwiseConv2D3x3ScratchBytes(const DepthwiseConv2DInt8Params& p) {
    return p.stride_width * PlaneColumns(p.stride_width, StripColumns(p)) * kPlaneColumn + kLanes;
}

#if !defined(__ARM_FEATURE_MVE)
inline int32_t Sum(const int8_t* plane, uint32x4_t columns, int8x16_t taps) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < kLanes; ++i) sum += plane[columns[i / kPlaneRows] + i % kPlaneRows] * taps[i];
    return sum;
}
#endif

// Sums of four columns in each of two rows, for stride 1: the filter in place, and shifted by a column, a row or both.
//   plane    the channel's first column
//   columns  offsets of four columns
inline Sums SumsOfBlock(const int8_t* plane, uint32x4_t columns, int8x16_t taps, int8x16_t right, int8x16_t below,
                        int8x16_t below_right) {
    Sums sums;
#if defined(__ARM_FEATURE_MVE)
    asm("vldrw.u32 %q[first], [%[plane], %q[columns]]\n\t"
        "vmladav.s8 r0, %q[first], %q[taps]\n\t"
        "vmladav.s8 r2, %q[first], %q[right]\n\t"
        "vmladav.s8 r8, %q[first], %q[below]\n\t"
        "vmladav.s8 r10, %q[first], %q[below_right]\n\t"
        "vldrw.u32 %q[first], [%[next], %q[columns]]\n\t"
        "vmladav.s8 r4, %q[first], %q[taps]\n\t"
        "vmladav.s8 r6, %q[first], %q[right]\n\t"
        "vmladav.s8 r12, %q[first], %q[below]\n\t"
        "vmladav.s8 lr, %q[first], %q[below_right]\n\t"
        "vmov %q[first][2], %q[first][0], r0, r4\n\t"
        "vmov %q[first][3], %q[first][1], r2, r6\n\t"
        "vmov %q[second][2], %q[second][0], r8, r12\n\t"
        "vmov %q[second][3], %q[second][1], r10, lr"
        : [first] "=&w"(sums.first), [second] "=&w"(sums.second)
        : [plane] "r"(plane), [next] "r"(plane + 2 * kPlaneColumn), [columns] "w"(columns), [taps] "w"(taps),
          [right] "w"(right), [below] "w"(below), [below_right] "w"(below_right)
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "memory");
#else
    for (int32_t i = 0; i < kBlock; i += 2, plane += 2 * kPlaneColumn) {
        sums.first[i] = Sum(plane, columns, taps);
        sums.first[i + 1] = Sum(plane, columns, right);
        sums.second[i] = Sum(plane, columns, below);
        sums.second[i + 1] = Sum(plane, columns, below_right);
    }
#endif
    return sums;
}

// The same for stride 2, where the second row has a plane of its own.
inline Sums SumsOfBlock(const int8_t* plane, const int8_t* below, uint32x4_t columns, int8x16_t taps) {
    Sums sums;
#if defined(__ARM_FEATURE_MVE)
    asm("vldrw.u32 %q[first], [%[plane], %q[columns]]\n\t"
        "adds %[plane], #128\n\t"
        "vldrw.u32 %q[second], [%[below], %q[columns]]\n\t"
        "adds %[below], #128\n\t"
        "vmladav.s8 r0, %q[first], %q[taps]\n\t"
        "vmladav.s8 r8, %q[second], %q[taps]\n\t"
        "vldrw.u32 %q[first], [%[plane], %q[columns]]\n\t"
        "adds %[plane], #128\n\t"
        "vldrw.u32 %q[second], [%[below], %q[columns]]\n\t"
        "adds %[below], #128\n\t"
        "vmladav.s8 r2, %q[first], %q[taps]\n\t"
        "vmladav.s8 r10, %q[second], %q[taps]\n\t"
        "vldrw.u32 %q[first], [%[plane], %q[columns]]\n\t"
        "adds %[plane], #128\n\t"
        "vldrw.u32 %q[second], [%[below], %q[columns]]\n\t"
        "adds %[below], #128\n\t"
        "vmladav.s8 r4, %q[first], %q[taps]\n\t"
        "vmladav.s8 r12, %q[second], %q[taps]\n\t"
        "vldrw.u32 %q[first], [%[plane], %q[columns]]\n\t"
        "vldrw.u32 %q[second], [%[below], %q[columns]]\n\t"
        "vmladav.s8 r6, %q[first], %q[taps]\n\t"
        "vmladav.s8 lr, %q[second], %q[taps]\n\t"
        "vmov %q[first][2], %q[first][0], r0, r4\n\t"
        "vmov %q[first][3], %q[first][1], r2, r6\n\t"
        "vmov %q[second][2], %q[second][0], r8, r12\n\t"
        "vmov %q[second][3], %q[second][1], r10, lr"
        : [first] "=&w"(sums.first), [second] "=&w"(sums.second), [plane] "+r"(plane), [below] "+r"(below)
        : [columns] "w"(columns), [taps] "w"(taps)
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
#else
    for (int32_t i = 0; i < kBlock; ++i, plane += 2 * kPlaneColumn, below += 2 * kPlaneColumn) {
        sums.first[i] = Sum(plane, columns, taps);
        sums.second[i] = Sum(below, columns, taps);
    }
#endif
    return sums;
}

// Fills a plane: four rows from `top` on and `columns` columns from `left` on, with padding around the image.
inline void FillPlane(const DepthwiseConv2DInt8Params& p, const int8_t* image, int32_t top, int32_t left,
                      int32_t columns, mve_pred16_t channels, const int8_t* padding, int8_t* plane) {
    const int8_t* from[kPlaneRows];
    int32_t step[kPlaneRows];
    const int32_t first = Clamp(left, int32_t{0}, p.input_width);
    for (int32_t i = 0; i < kPlaneRows; ++i) {
        const bool inside = top + i >= 0 && top + i < p.input_height;
        from[i] = inside ? image + ((top + i) * p.input_width + first) * p.input_depth : padding;
        step[i] = inside ? p.input_depth : 0;
    }
    const int8x16_t outside = vldrbq_s8(padding);
    const auto pad = [&](int32_t count) {
        for (; count > 0; --count, plane += kPlaneColumn) {
            for (int32_t i = 0; i < kPlaneRows; ++i) vstrbq_s8(plane + i * kLanes, outside);
        }
    };
    pad(first - left);
    const int32_t inside = Min(p.input_width - first, columns - (first - left));
    for (int32_t x = 0; x < inside; ++x, plane += kPlaneColumn) {
        int8x16x4_t rows;
        rows.val[0] = vldrbq_z_s8(from[0], channels);
        rows.val[1] = vldrbq_z_s8(from[1], channels);
        rows.val[2] = vldrbq_z_s8(from[2], channels);
        rows.val[3] = vldrbq_z_s8(from[3], channels);
        vst4q_s8(plane, rows);
        from[0] += step[0], from[1] += step[1], from[2] += step[2], from[3] += step[3];
    }
    pad(columns - (first - left) - Max(inside, int32_t{0}));
}

// Computes `columns` columns of `rows` (1 or 2) output rows, in `channels` channels.
//   offsets  [4 columns][2 rows], in `output`
template <bool kNegatives, int kStride>
[[gnu::noinline]] void DepthwiseStrip(const int8_t* plane, int32_t second, const int8_t* packed, int32_t channels,
                                      int32_t columns, int32_t rows, const uint16_t* offsets, int32_t output_depth,
                                      int32_t zero_point, int8_t* output) {
    const uint32x4_t four_columns = vldrwq_u32(kFourColumns);
    // The lanes of the existing rows. Never a constant predicate: GCC 12.2 miscompiles it.
    const int32_t lanes = rows == 1 ? 0x3333 : 0xffff;
    const auto all = static_cast<mve_pred16_t>(vctp16q(2 * kBlock) & lanes);
    const auto last = static_cast<mve_pred16_t>(vctp16q(static_cast<uint32_t>(2 * (columns % kBlock))) & lanes);
    const int32_t whole = rows == 2 ? kBlock : columns + 1;
    for (; channels > 0; --channels, plane += kPlaneRows, packed += kChannelBytes, ++output) {
        const int8x16_t taps = vldrbq_s8(packed + 5), right = vldrbq_s8(packed + 1);
        const int8x16_t below = vldrbq_s8(packed + 4), below_right = vldrbq_s8(packed);
        const auto* const numbers = reinterpret_cast<const int32_t*>(packed + kFilterBytes);
        const int8_t* from = plane;
        int8_t* pixel = output;
        for (int32_t left = columns; left > 0; left -= kBlock) {
            Sums sums;
            if constexpr (kStride == 1) {
                sums = SumsOfBlock(from, four_columns, taps, right, below, below_right);
            } else {
                sums = SumsOfBlock(from, from + second, four_columns, taps);
            }
            const int32x4_t upper = Scale<kNegatives>(sums.first, numbers[0], numbers[1], numbers[2]);
            const int32x4_t lower = Scale<kNegatives>(sums.second, numbers[0], numbers[1], numbers[2]);
            const uint16x8_t to = vldrhq_u16(offsets);  // here: the other seven vectors fill the registers
            const int16x8_t pixels = ToInt8(upper, lower, zero_point);
            if (left >= whole) {
                vstrbq_scatter_offset_s16(pixel, to, pixels);
            } else {
                vstrbq_scatter_offset_p_s16(pixel, to, pixels, left < kBlock ? last : all);
            }
            from += kBlock * kStride * kPlaneColumn;
            pixel += kBlock * output_depth;
        }
    }
}

using DepthwiseStripFunction = void (*)(const int8_t* plane, int32_t second, const int8_t* packed, int32_t channels,
                                        int32_t columns, int32_t rows, const uint16_t* offsets, int32_t output_depth,
                                        int32_t zero_point, int8_t* output);

inline void DepthwiseConv2D3x3Int8(const DepthwiseConv2DInt8Params& p, DepthwiseStripFunction strip,
                                   const int8_t* input, const int8_t* packed, int8_t* scratch, int8_t* output) {
    const int32_t depth = p.input_depth, stride = p.stride_width, output_row = p.output_width * depth;
    const int32_t strip_columns = StripColumns(p);
    const int32_t plane_bytes = PlaneColumns(stride, strip_columns) * kPlaneColumn;
    int8_t* const padding = scratch + stride * plane_bytes;
    vstrbq_s8(padding, vdupq_n_s8(static_cast<int8_t>(-p.input_offset)));
    uint16_t offsets[2 * kBlock];
    for (int32_t i = 0; i < kBlock; ++i) {
        offsets[2 * i] = static_cast<uint16_t>(i * depth);
        offsets[2 * i + 1] = static_cast<uint16_t>(i * depth + output_row);
    }
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t y = 0; y < p.output_height; y += 2) {
            const int32_t rows = Min(int32_t{2}, p.output_height - y);
            const int32_t top = y * stride - p.padding_top;
            for (int32_t channel = 0; channel < depth; channel += kLanes) {
                const int32_t channels = Min(kLanes, depth - channel);
                const mve_pred16_t some = vctp8q(static_cast<uint32_t>(channels));
                for (int32_t x = 0; x < p.output_width; x += strip_columns) {
                    const int32_t columns = Min(strip_columns, p.output_width - x);
                    for (int32_t i = 0; i < stride; ++i) {
                        FillPlane(p, input + channel, top + 2 * i, x * stride - p.padding_left,
                                  PlaneColumns(stride, columns), some, padding, scratch + i * plane_bytes);
                    }
                    strip(scratch, plane_bytes, packed + channel * kChannelBytes, channels, columns, rows, offsets,
                          depth, p.output_offset, output + x * depth + channel);
                }
            }
            output += rows * output_row;
        }
        input += p.input_height * p.input_width * depth;
    }
}

inline void DepthwiseConv2D3x3Int8Limited(const DepthwiseConv2DInt8Params& p, DepthwiseStripFunction strip,
                                          const int8_t* input, const int8_t* packed, int8_t* scratch, int8_t* output) {
    DepthwiseConv2D3x3Int8(p, strip, input, packed, scratch, output);
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output, p.batches * p.output_height * p.output_width * p.input_depth, p.activation_min,
                 p.activation_max);
    }
}

}  // namespace helium

template <const DepthwiseConv2DInt8Params& p>
constexpr int32_t depthwise_conv_2d_3x3_int8_helium_scratch_bytes() {
    return helium::DepthwiseConv2D3x3ScratchBytes(p);
}

//   packed   for each channel: 5 zeros, [4 columns][4 rows] of weights, 3 zeros; bias, multiplier, shift
//   scratch  depthwise_conv_2d_3x3_int8_helium_scratch_bytes()
//   output   may begin below the input and overlap it, unless that overwrites a row that the current two output rows or
//            later ones still need. One output row and three pixels must take less than 2^16 bytes.
template <const DepthwiseConv2DInt8Params& p>
inline void depthwise_conv_2d_3x3_int8_helium(const int8_t* input, const int8_t* packed, uint8_t* scratch,
                                              int8_t* output) {
    static_assert(p.filter_height == 3 && p.filter_width == 3 && p.dilation_height == 1 && p.dilation_width == 1);
    static_assert(p.stride_height == p.stride_width && p.stride_width <= 2 && p.depth_multiplier == 1);
    helium::DepthwiseConv2D3x3Int8Limited(p,
                                          helium::DepthwiseStrip<(p.activation_min != p.output_offset), p.stride_width>,
                                          input, packed, reinterpret_cast<int8_t*>(scratch), output);
}

}  // namespace kerf
