// CONV_2D and FULLY_CONNECTED (a convolution of 1x1 images) with sparse weights: stored as one bit per weight and the
// nonzero values, which alone are multiplied. Must equal conv_2d_int8().
//
//   bitmap  [output_depth][filter_height] rows of filter_width * input_depth bits, each padded to whole bytes, the
//           first weight in the lowest bit
//   values  the weights whose bit is set, in the same order
//
// Everything else is as in conv_2d.h, without groups and with dilation_width 1, so that a filter row reads contiguous
// input.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/conv_2d.h"
#include "kernels/fixed_point.h"

namespace kerf {
namespace internal {

// sums[i] += value * (input[i * step] + offset) for the weights of one filter row, at four consecutive positions at
// once, so that each bit is only searched for once. Returns the next row's values.
inline const int8_t* AddSparseRowToFour(uint32_t (&sums)[4], const int8_t* input, int32_t step, int32_t offset,
                                        const uint8_t* bitmap, int32_t row_bytes, const int8_t* values) {
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3], total = 0;
    for (const uint8_t* end = bitmap + row_bytes; bitmap < end; ++bitmap) {
        for (uint32_t bits = *bitmap; bits != 0; bits &= bits - 1) {
            const int8_t* element = input + __builtin_ctz(bits);
            const int32_t value = *values++;
            total += static_cast<uint32_t>(value);
            sum0 += static_cast<uint32_t>(value * *element);
            element += step;
            sum1 += static_cast<uint32_t>(value * *element);
            element += step;
            sum2 += static_cast<uint32_t>(value * *element);
            element += step;
            sum3 += static_cast<uint32_t>(value * *element);
        }
        input += 8;
    }
    total *= static_cast<uint32_t>(offset);
    sums[0] = sum0 + total, sums[1] = sum1 + total, sums[2] = sum2 + total, sums[3] = sum3 + total;
    return values;
}

// The same at one position.
inline const int8_t* AddSparseRow(uint32_t& sum, const int8_t* input, int32_t offset, const uint8_t* bitmap,
                                  int32_t row_bytes, const int8_t* values) {
    uint32_t products = 0, total = 0;
    for (const uint8_t* end = bitmap + row_bytes; bitmap < end; ++bitmap) {
        for (uint32_t bits = *bitmap; bits != 0; bits &= bits - 1) {
            const int32_t value = *values++;
            total += static_cast<uint32_t>(value);
            products += static_cast<uint32_t>(value * input[__builtin_ctz(bits)]);
        }
        input += 8;
    }
    sum += products + total * static_cast<uint32_t>(offset);
    return values;
}

// Copies the image rows under a filter whose first row is at `y`, `columns` columns from -padding_left on. Outside the
// image they hold the input's zero point, which adds nothing.
inline void CopyRows(const Conv2DInt8Params& p, const int8_t* image, int32_t y, int32_t columns, int8_t* rows) {
    const int32_t left = p.padding_left * p.input_depth;
    const int32_t inside = Min(p.input_width, columns - p.padding_left) * p.input_depth;
    for (int32_t i = 0; i < p.filter_height; ++i) {
        const int32_t from = y + i * p.dilation_height;
        memset(rows, -p.input_offset, static_cast<size_t>(columns * p.input_depth));
        if (from >= 0 && from < p.input_height) {
            memcpy(rows + left, image + from * p.input_width * p.input_depth, static_cast<size_t>(inside));
        }
        rows += columns * p.input_depth;
    }
}

}  // namespace internal

// Size of `rows` in bytes.
constexpr int32_t conv_2d_sparse_rows_bytes(const Conv2DInt8Params& p) {
    const int32_t height = (p.output_height - 1) * p.stride_height + (p.filter_height - 1) * p.dilation_height + 1;
    const int32_t width = (p.output_width - 1) * p.stride_width + p.filter_width;
    const bool inside = p.padding_top == 0 && p.padding_left == 0 && height <= p.input_height && width <= p.input_width;
    return inside ? 0 : p.filter_height * width * p.input_depth;
}

// `rows` holds filter_height rows of (output_width - 1) * stride_width + filter_width pixels; it is null if no window
// leaves the image.
inline void conv_2d_int8_sparse(const Conv2DInt8Params& p, const int8_t* input, const uint8_t* bitmap,
                                const int8_t* values, const int32_t* bias, const int32_t* multipliers,
                                const int32_t* shifts, uint8_t* rows, int8_t* output) {
    constexpr int kPositions = 4;
    int8_t* const copy = reinterpret_cast<int8_t*>(rows);
    const int32_t columns = (p.output_width - 1) * p.stride_width + p.filter_width;
    const int32_t row_bytes = (p.filter_width * p.input_depth + 7) / 8;
    const int32_t row_step = (copy != nullptr ? columns : p.dilation_height * p.input_width) * p.input_depth;
    const int32_t step = p.stride_width * p.input_depth;
    const auto finish = [&](uint32_t sum, int32_t channel) {
        return RequantizeToInt8(sum, bias != nullptr ? bias[channel] : 0, multipliers[channel], shifts[channel],
                                p.output_offset, p.activation_min, p.activation_max);
    };

    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            if (copy != nullptr) internal::CopyRows(p, input, y, columns, copy);
            const int8_t* corner = copy != nullptr ? copy : input + y * p.input_width * p.input_depth;
            int32_t out_x = 0;
            for (; out_x + kPositions <= p.output_width; out_x += kPositions) {
                const uint8_t* row = bitmap;
                const int8_t* next = values;
                for (int32_t channel = 0; channel < p.output_depth; ++channel) {
                    uint32_t sums[kPositions] = {};
                    const int8_t* in = corner;
                    for (int32_t i = 0; i < p.filter_height; ++i) {
                        next = internal::AddSparseRowToFour(sums, in, step, p.input_offset, row, row_bytes, next);
                        row += row_bytes;
                        in += row_step;
                    }
                    for (int32_t i = 0; i < kPositions; ++i) {
                        output[i * p.output_depth + channel] = finish(sums[i], channel);
                    }
                }
                output += kPositions * p.output_depth;
                corner += kPositions * step;
            }
            for (; out_x < p.output_width; ++out_x) {
                const uint8_t* row = bitmap;
                const int8_t* next = values;
                for (int32_t channel = 0; channel < p.output_depth; ++channel) {
                    uint32_t sum = 0;
                    const int8_t* in = corner;
                    for (int32_t i = 0; i < p.filter_height; ++i) {
                        next = internal::AddSparseRow(sum, in, p.input_offset, row, row_bytes, next);
                        row += row_bytes;
                        in += row_step;
                    }
                    *output++ = finish(sum, channel);
                }
                corner += step;
            }
        }
        input += p.input_height * p.input_width * p.input_depth;
    }
}

}  // namespace kerf
