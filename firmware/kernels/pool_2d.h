// The loops shared by MAX_POOL_2D, AVERAGE_POOL_2D and L2_POOL_2D. Padding never counts: windows are clipped to the
// input.
//
//   input   [batches][input_height][input_width][depth]
//   output  [batches][output_height][output_width][depth], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/window.h"

namespace kerf {

// Sizes and strides are at least 1, paddings at least 0 and smaller than the filter, all in elements. Input and output
// have the same quantization; the activation bounds are in its steps.
struct Pool2DInt8Params {
    int32_t batches;
    int32_t input_height, input_width, depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width;
    int32_t stride_height, stride_width;
    int32_t padding_top, padding_left;
    int32_t activation_min, activation_max;
};

using Pool2DInt16Params = Pool2DInt8Params;
using Pool2DUint8Params = Pool2DInt8Params;

// The kernels take them as template arguments, so that the compiler unrolls the loops over small windows.
struct Pool2DFloat32Params {
    int32_t batches;
    int32_t input_height, input_width, depth;
    int32_t filter_height, filter_width;
    int32_t output_height, output_width;
    int32_t stride_height, stride_width;
    int32_t padding_top, padding_left;
    float activation_min, activation_max;
};

namespace internal {

// Walks the output in memory order. A window's value starts as `initial` and becomes combine(value, element) for each
// of its `count` elements (at least one); finish(value, count) is the output element.
template <typename Value, typename Params, typename Element, typename Combine, typename Finish>
inline void Pool2D(const Params& p, const Element* input, Element* output, Value initial, Combine combine,
                   Finish finish) {
    const int32_t row_step = p.input_width * p.depth;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            const TapRange rows = TapsInside(y, p.input_height, p.filter_height, 1);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x * p.stride_width - p.padding_left;
                const TapRange taps = TapsInside(x, p.input_width, p.filter_width, 1);
                const int32_t count = (rows.last - rows.first) * (taps.last - taps.first);
                const Element* window = input + (y + rows.first) * row_step + (x + taps.first) * p.depth;
                for (int32_t channel = 0; channel < p.depth; ++channel) {
                    Value value = initial;
                    const Element* row = window++;
                    for (int32_t i = rows.first; i < rows.last; ++i) {
                        const Element* element = row;
                        for (int32_t j = taps.first; j < taps.last; ++j) {
                            value = combine(value, *element);
                            element += p.depth;
                        }
                        row += row_step;
                    }
                    *output++ = finish(value, count);
                }
            }
        }
        input += p.input_height * row_step;
    }
}

}  // namespace internal
}  // namespace kerf
