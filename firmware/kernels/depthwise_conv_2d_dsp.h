// DEPTHWISE_CONV_2D of int8 for cores with the DSP extension, any filter. Must equal depthwise_conv_2d_int8() of
// depthwise_conv_2d.h.
//
// Computes one input channel at a time: the rows of its windows are widened to int16, with their padding, and
// multiplied two elements at a time. A dilated filter is stored with zeros between its columns.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/depthwise_conv_2d.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

// Pairs in a row of the filter, including the zeros between its columns.
constexpr int32_t TapPairs(const DepthwiseConv2DInt8Params& p) {
    return ((p.filter_width - 1) * p.dilation_width + 2) / 2;
}

// Columns that the windows of a row read, including one more if the last pair is half empty.
constexpr int32_t WidenedColumns(const DepthwiseConv2DInt8Params& p) {
    return (p.output_width - 1) * p.stride_width + 2 * TapPairs(p);
}

constexpr int32_t WindowRows(const DepthwiseConv2DInt8Params& p) {
    return (p.filter_height - 1) * p.dilation_height + 1;
}

// Words of scratch that depthwise_conv_2d_int8_dsp() needs.
constexpr int32_t DepthwiseConv2DInt8ScratchWords(const DepthwiseConv2DInt8Params& p) {
    return (WindowRows(p) * WidenedColumns(p) + 1) / 2;
}

// Widens row y of the channel that begins at `input`. The padding left and right of it is there already; a row outside
// the image is all padding.
inline void WidenRow(const DepthwiseConv2DInt8Params& p, const int8_t* input, int32_t y, int16_t* row) {
    int16_t* to = row + p.padding_left;
    int16_t* const end = to + Min(p.input_width, WidenedColumns(p) - p.padding_left);
    const int32_t step = p.input_depth;
    if (y >= 0 && y < p.input_height) {
        for (const int8_t* from = input + y * p.input_width * step; to < end; from += step) *to++ = *from;
    } else {
        for (const int16_t padding = static_cast<int16_t>(-p.input_offset); to < end;) *to++ = padding;
    }
}

inline constexpr int32_t kWindows = 4;

// One output row of one channel: four windows at a time, of which the last four may repeat some. Steps are in bytes.
struct WindowRow {
    const int16_t* first;                // of the first window
    int32_t window_steps[kWindows - 1];  // from one window to the next: the stride, 0 if there are fewer
    int32_t rows, row_step;              // of a window; from the end of a row to the next row
    int32_t tap_pairs;
    int32_t ring;  // a row that would begin at `end` or beyond begins this much lower
    const int16_t* end;
    int32_t zero_point;
    int32_t output_steps[kWindows - 1];  // as window_steps
    int32_t columns;                     // windows of the row
};

// packed: bias, multiplier, power and rows * tap_pairs weights. Changes `row`.
inline void WindowRowTwin(WindowRow& row, const int32_t* packed, int8_t* output) {
    const auto* window = reinterpret_cast<const int8_t*>(row.first);
    for (int32_t left = row.columns;;) {
        const uint32_t bias = static_cast<uint32_t>(packed[0]);
        uint32_t sums[kWindows] = {bias, bias, bias, bias};
        const int32_t* weights = packed + 3;
        const int8_t* pair = window;
        for (int32_t y = 0; y < row.rows; ++y) {
            for (int32_t i = 0; i < row.tap_pairs; ++i, pair += 4, ++weights) {
                const int8_t* of_window = pair;
                for (int32_t j = 0; j < kWindows; ++j) {
                    sums[j] = AddProducts(sums[j], Load(of_window), static_cast<uint32_t>(*weights));
                    if (j + 1 < kWindows) of_window += row.window_steps[j];
                }
            }
            pair += row.row_step;
            if (pair >= reinterpret_cast<const int8_t*>(row.end)) pair -= row.ring;
        }
        int8_t* element = output;
        for (int32_t j = 0; j < kWindows; ++j) {
            *element = Requantize<true>(sums[j], packed[1], packed[2], row.zero_point);
            if (j + 1 < kWindows) element += row.output_steps[j];
        }
        left -= kWindows;
        if (left <= 0) return;
        const int32_t next = Min(left, kWindows);
        left = Max(left, kWindows);
        window += next * row.window_steps[0];
        output += next * row.output_steps[0];
    }
}

// r0-r3 windows, r4-r7 sums, r8 packed, r9 pairs left, r10 rows left, r11 weights, r12 pair, lr row_step.
[[gnu::naked, gnu::noinline]] inline void WindowRowAssembly(WindowRow&, const int32_t*, int8_t*) {
    asm volatile(R"(
        push    {r0-r2, r4-r11, lr}
    1:  ldrd    r12, r8, [sp]
        ldmia   r12, {r0-r3, r10, lr}
        add     r1, r0
        add     r2, r1
        add     r3, r2
        ldr     r4, [r8], #12
        mov     r5, r4
        mov     r6, r4
        mov     r7, r4
    2:  ldr     r9, [sp]
        ldr     r9, [r9, #24]
    3:  ldr     r11, [r8], #4
        ldr     r12, [r0], #4
        smlad   r4, r12, r11, r4
        ldr     r12, [r1], #4
        smlad   r5, r12, r11, r5
        ldr     r12, [r2], #4
        smlad   r6, r12, r11, r6
        ldr     r12, [r3], #4
        smlad   r7, r12, r11, r7
        subs    r9, #1
        bne     3b
        subs    r10, #1
        beq     4f
        ldr     r9, [sp]
        ldrd    r11, r12, [r9, #28]         // ring, end
        add     r0, lr
        add     r1, lr
        add     r2, lr
        add     r3, lr
        cmp     r0, r12
        blo     2b
        sub     r0, r11
        sub     r1, r11
        sub     r2, r11
        sub     r3, r11
        b       2b

    4:  ldrd    r12, r8, [sp]
        ldrd    r9, r10, [r8, #4]           // multiplier, power
        add     r11, r12, #36
        ldr     r8, [sp, #8]
        ldmia   r11, {r0-r3, r11}           // zero point, steps, columns
        smmlar  r4, r4, r9, r4
        smmlar  r5, r5, r9, r5
        smmlar  r6, r6, r9, r6
        smmlar  r7, r7, r9, r7
        add     r4, r4, r4, asr #31
        add     r5, r5, r5, asr #31
        add     r6, r6, r6, asr #31
        add     r7, r7, r7, asr #31
        smmlsr  r4, r4, r10, r0
        smmlsr  r5, r5, r10, r0
        smmlsr  r6, r6, r10, r0
        smmlsr  r7, r7, r10, r0
        ssat    r4, #8, r4
        ssat    r5, #8, r5
        ssat    r6, #8, r6
        ssat    r7, #8, r7
        mov     r0, r8
        strb    r4, [r8]
        add     r8, r1
        strb    r5, [r8]
        add     r8, r2
        strb    r6, [r8]
        add     r8, r3
        strb    r7, [r8]
        subs    r11, #4
        ble     5f
        cmp     r11, #4
        mov     r2, r11
        it      gt
        movgt   r2, #4                      // windows to advance
        it      lt
        movlt   r11, #4
        ldrd    r3, r4, [r12]               // first, window step
        mla     r3, r2, r4, r3
        mla     r0, r2, r1, r0
        str     r3, [r12]
        str     r11, [r12, #52]
        str     r0, [sp, #8]
        b       1b

    5:  add     sp, #12
        pop     {r4-r11, pc}
    )");
}

inline void DepthwiseConv2DInt8(const DepthwiseConv2DInt8Params& p, const int8_t* input, const int32_t* packed,
                                uint32_t* scratch, int8_t* output) {
    const int32_t packed_words = 3 + p.filter_height * TapPairs(p);
    const int32_t output_depth = OutputDepth(p);
    const int32_t output_row = p.output_width * output_depth;
    const int32_t columns = WidenedColumns(p);
    const int32_t rows_held = WindowRows(p);
    int16_t* const ring = reinterpret_cast<int16_t*>(scratch);
    int16_t* const end = ring + rows_held * columns;
    WindowRow shape = {nullptr,
                       {},
                       p.filter_height,
                       2 * p.dilation_height * columns - 4 * TapPairs(p),
                       TapPairs(p),
                       2 * rows_held * columns,
                       end,
                       p.output_offset,
                       {},
                       0};
    for (int32_t j = 0; j < Min(kWindows, p.output_width) - 1; ++j) {
        shape.window_steps[j] = 2 * p.stride_width;
        shape.output_steps[j] = output_depth;
    }

    for (int16_t* element = ring; element < end; ++element) *element = static_cast<int16_t>(-p.input_offset);
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const int32_t* filters = packed;
        for (int32_t channel = 0; channel < p.input_depth; ++channel) {
            int32_t loaded = 0;
            int16_t* load_to = ring;
            const int16_t* first = ring;
            int8_t* row_output = output + channel * p.depth_multiplier;
            for (int32_t y = 0; y < p.output_height; ++y) {
                for (; loaded < y * p.stride_height + rows_held; ++loaded) {
                    WidenRow(p, input + channel, loaded - p.padding_top, load_to);
                    load_to += columns;
                    if (load_to == end) load_to = ring;
                }
                for (int32_t i = 0; i < p.depth_multiplier; ++i) {
                    WindowRow row = shape;
                    row.first = first;
                    row.columns = p.output_width;
                    if constexpr (kAssembly) {
                        WindowRowAssembly(row, filters + i * packed_words, row_output + i);
                    } else {
                        WindowRowTwin(row, filters + i * packed_words, row_output + i);
                    }
                }
                row_output += output_row;
                for (int32_t i = 0; i < p.stride_height; ++i) {
                    first += columns;
                    if (first == end) first = ring;
                }
            }
            filters += p.depth_multiplier * packed_words;
        }
        input += p.input_height * p.input_width * p.input_depth;
        output += p.output_height * output_row;
    }
    const int32_t elements = p.batches * p.output_height * output_row;
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

template <const DepthwiseConv2DInt8Params& p>
constexpr int32_t depthwise_conv_2d_int8_dsp_scratch_bytes() {
    return 4 * dsp::DepthwiseConv2DInt8ScratchWords(p);
}

//   packed   for each output channel: bias, multiplier and power (see dsp.h), then filter_height rows of weights in
//            pairs, padded with 0
//   scratch  depthwise_conv_2d_int8_dsp_scratch_bytes(), 4-byte aligned
//   output   may overlap the input only if both begin at the same address, depth_multiplier is 1 and the output is
//            neither higher nor wider: each channel is read before it is overwritten
template <const DepthwiseConv2DInt8Params& p>
inline void depthwise_conv_2d_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t* scratch, int8_t* output) {
    dsp::DepthwiseConv2DInt8(p, input, packed, reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
