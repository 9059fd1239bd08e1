// Two consecutive convolutions without the whole tensor between them: only the rows that the second one's window needs
// exist at a time. Each row is computed once, by the same kernels, so the numbers are the same.
//
//   First, Second  conv_2d_int8 or depthwise_conv_2d_int8, which define params, filter, bias, multipliers and shifts
//   rows           of chain_rows_bytes()
//   output         may begin below the input and overlap it, as long as the writes trail the reads
//
// For a single image: batches is 1.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"

namespace kerf {

// Size of `rows` in bytes.
template <auto First, auto Second, typename FirstParams, typename SecondParams>
constexpr int32_t chain_rows_bytes(const FirstParams&, const SecondParams& second) {
    const int32_t reach = (second.filter_height - 1) * second.dilation_height + 1;
    return (reach < second.input_height ? reach : second.input_height) * second.input_width * second.input_depth;
}

template <auto First, auto Second, typename FirstParams, typename SecondParams>
inline void chain_rows(const FirstParams& first, const SecondParams& second, const int8_t* input,
                       const int8_t* first_filter, const int32_t* first_bias, const int32_t* first_multipliers,
                       const int32_t* first_shifts, const int8_t* second_filter, const int32_t* second_bias,
                       const int32_t* second_multipliers, const int32_t* second_shifts, uint8_t* rows, int8_t* output) {
    auto* const held = reinterpret_cast<int8_t*>(rows);
    const int32_t row = second.input_width * second.input_depth;
    const int32_t reach = (second.filter_height - 1) * second.dilation_height + 1;
    int32_t begin = 0, end = 0;  // the rows held at the moment
    FirstParams some = first;
    SecondParams one = second;
    one.output_height = 1;
    for (int32_t y = 0; y < second.output_height; ++y) {
        const int32_t top = y * second.stride_height - second.padding_top;
        const int32_t from = Max(top, int32_t{0});
        const int32_t to = Min(top + reach, second.input_height);
        if (from > begin) {
            if (end > from) memmove(held, held + (from - begin) * row, static_cast<size_t>((end - from) * row));
            begin = from;
            end = Max(end, from);
        }
        if (to > end) {
            some.output_height = to - end;
            some.padding_top = first.padding_top - end * first.stride_height;
            First(some, input, first_filter, first_bias, first_multipliers, first_shifts, held + (end - begin) * row);
            end = to;
        }
        one.input_height = end - begin;
        one.padding_top = begin - top;
        Second(one, held, second_filter, second_bias, second_multipliers, second_shifts, output);
        output += second.output_width * OutputDepth(second);
    }
}

}  // namespace kerf
