// DEPTHWISE_CONV_2D of int8 with a 3x3 filter for cores with the DSP extension: strides 1x1 and 2x2, no dilation, at
// least four channels. Must equal depthwise_conv_2d_int8() of depthwise_conv_2d.h.
//
// Four channels at a time are copied into planes, one per channel: [pairs of rows][columns] of words, each of which
// holds the elements of two rows of the padded input as int16. A window is three words of one pair of rows and three of
// the next. With w0 … w2 a column of the filter, its products are SMLAD with (w0, w1) and SMLABT with w2. For stride 1,
// the window one row below uses the same words: SMLATB with w0 and SMLAD with (w1, w2).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/depthwise_conv_2d_dsp.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kPlanes = 4;

constexpr bool Is3x3(const DepthwiseConv2DInt8Params& p) {
    return p.filter_height == 3 && p.filter_width == 3 && p.dilation_height == 1 && p.dilation_width == 1 &&
           p.stride_height == p.stride_width && p.stride_width <= 2 && p.input_depth >= kPlanes;
}

constexpr int32_t PlaneColumns(const DepthwiseConv2DInt8Params& p) {
    return p.stride_width == 1 ? p.output_width + 2 : 2 * (p.output_width + p.output_width % 2) + 1;
}

// Pairs of input rows that `rows` output rows read.
constexpr int32_t RowPairs(const DepthwiseConv2DInt8Params& p, int32_t rows) {
    return (p.stride_height == 1 ? (rows + 1) / 2 : rows) + 1;
}

// Output rows that can be computed at once with `words` of scratch.
constexpr int32_t RowsAtOnce(const DepthwiseConv2DInt8Params& p, int32_t words) {
    const int32_t fit = words / (kPlanes * PlaneColumns(p)) - 1;
    return Min(p.output_height, p.stride_height == 1 ? 2 * fit : fit);
}

// The least scratch in words; with more, the planes hold more rows, which saves instructions.
constexpr int32_t DepthwiseConv2D3x3Int8ScratchWords(const DepthwiseConv2DInt8Params& p) {
    return kPlanes * PlaneColumns(p) * 2;
}

// One channel's rows.
struct DepthwiseRows {
    int32_t zero_point;
    int32_t row_bytes, pixel_bytes;  // of the output
    int32_t columns;                 // of the output
    int32_t plane_row;               // bytes from one pair of rows to the next
    int32_t rows;                    // of the output
};

//   plane   the first pair of rows
//   packed  (w0, w1) of the filter's columns, (w1, w2) of the columns; bias, multiplier, power
using DepthwiseChannel = void (*)(const uint32_t* plane, const int32_t* packed, int8_t* output,
                                  const DepthwiseRows& rows);

template <bool kNegatives, int kStride>
inline void DepthwiseChannelTwin(const uint32_t* plane, const int32_t* packed, int8_t* output,
                                 const DepthwiseRows& rows) {
    const int32_t next = rows.plane_row / 4;
    const auto weight = [=](int32_t i) { return static_cast<uint32_t>(packed[i]); };
    const auto finish = [&](uint32_t sum) {
        return Requantize<kNegatives>(sum, packed[7], packed[8], rows.zero_point);
    };
    for (int32_t y = 0; y < rows.rows; y += kStride == 1 ? 2 : 1) {
        for (int32_t x = 0; x < rows.columns; ++x) {
            uint32_t sum0 = weight(6), sum1 = weight(6);
            for (int32_t i = 0; i < 3; ++i) {
                const uint32_t a = plane[kStride * x + i], b = plane[next + kStride * x + i];
                sum0 = AddProducts(sum0, a, weight(i)) + static_cast<uint32_t>(Low(b) * High(weight(3 + i)));
                sum1 = AddProducts(sum1, b, weight(3 + i)) + static_cast<uint32_t>(High(a) * Low(weight(i)));
            }
            int8_t* const pixel = output + x * rows.pixel_bytes;
            if (kStride == 1 && y + 1 < rows.rows) pixel[rows.row_bytes] = finish(sum1);
            *pixel = finish(sum0);
        }
        output += (kStride == 1 ? 2 : 1) * rows.row_bytes;
        plane += next;
    }
}

// r0 pair of rows, r1 the next, r2 output, r3-r5 words of the window, r6-r11 weights, r12 sum of the upper row, lr of
// the lower.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void DepthwiseChannelStride1(const uint32_t*, const int32_t*, int8_t*,
                                                           const DepthwiseRows&) {
    asm volatile(R"(
        .macro  kerf_upper
        smlad   r12, r3, r6, r12
        smlatb  lr, r3, r6, lr
        smlad   r12, r4, r7, r12
        smlatb  lr, r4, r7, lr
        smlad   r12, r5, r8, r12
        smlatb  lr, r5, r8, lr
        .endm

        .macro  kerf_lower
        smlabt  r12, r3, r9, r12
        smlad   lr, r3, r9, lr
        smlabt  r12, r4, r10, r12
        smlad   lr, r4, r10, lr
        smlabt  r12, r5, r11, r12
        smlad   lr, r5, r11, lr
        .endm

        .macro  kerf_store
        ldrd    r3, r4, [sp, #8]            // multiplier, power
        ldr     r5, [sp, #16]               // zero point
        smmlar  r12, r12, r3, r12
        smmlar  lr, lr, r3, lr
        .if     %c[negatives]
        add     r12, r12, r12, asr #31
        add     lr, lr, lr, asr #31
        .endif
        smmlsr  r12, r12, r4, r5
        smmlsr  lr, lr, r4, r5
        ldrd    r3, r4, [sp, #20]           // row, pixel
        ssat    r12, #8, r12
        ssat    lr, #8, lr
        strb    lr, [r2, r3]
        strb    r12, [r2]
        add     r2, r4
        .endm

        push    {r4-r11, lr}
        ldmia   r1!, {r6-r11}
        ldmia   r1, {r4, r5, lr}            // bias, multiplier, power
        sub     sp, #48
        strd    r4, r4, [sp]
        strd    r5, lr, [sp, #8]
        ldmia   r3!, {r1, r4, r5}           // zero point, row, pixel
        strd    r1, r4, [sp, #16]
        str     r5, [sp, #24]
        ldmia   r3, {r3-r5}                 // columns, pair of rows, rows
        lsl     r3, r3, #2
        strd    r3, r4, [sp, #36]
        str     r5, [sp, #32]
    1:  ldrd    r3, r4, [sp, #32]           // rows, bytes of columns
        ldr     r1, [sp, #40]
        subs    r3, #2
        str     r3, [sp, #32]
        itt     mi                          // there is no lower row: the upper is stored over it
        movmi   r5, #0
        strmi   r5, [sp, #20]
        add     r1, r0
        lsls    r5, r4, #29                 // an odd number of columns begins with the second of two
        add     r4, r0
        str     r4, [sp, #28]
        bpl     2f
        adds    r0, #8
        adds    r1, #8
        b       3f

    2:  ldrd    r12, lr, [sp]
        ldmia   r0!, {r3-r5}
        kerf_upper
        ldmia   r1!, {r3-r5}
        kerf_lower
        kerf_store
    3:  ldrd    r12, lr, [sp]
        ldrd    r3, r4, [r0, #-8]
        ldr     r5, [r0], #-4
        kerf_upper
        ldrd    r3, r4, [r1, #-8]
        ldr     r5, [r1], #-4
        kerf_lower
        kerf_store
        ldr     r5, [sp, #28]
        cmp     r0, r5
        bne     2b

        add     r2, r3
        adds    r0, #8
        ldr     r3, [sp, #32]
        cmp     r3, #0
        bgt     1b
        add     sp, #48
        pop     {r4-r11, pc}
        .purgem kerf_upper
        .purgem kerf_lower
        .purgem kerf_store
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

// As above, but r3-r6 words of the window, r7-r9 (w0, w1) of the columns, r10 w2 of the first two, r11 w2 of the third.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void DepthwiseChannelStride2(const uint32_t*, const int32_t*, int8_t*,
                                                           const DepthwiseRows&) {
    asm volatile(R"(
        push    {r4-r11, lr}
        ldmia   r1!, {r7-r12}
        lsr     r10, r10, #16
        pkhtb   r10, r11, r10               // w2 of columns 1 and 0
        lsr     r11, r12, #16
        ldmia   r1, {r4, r5, lr}            // bias, multiplier, power
        sub     sp, #48
        strd    r4, r4, [sp]
        strd    r5, lr, [sp, #8]
        ldmia   r3!, {r1, r4, r5}           // zero point, row, pixel
        str     r1, [sp, #16]
        str     r5, [sp, #24]
        ldmia   r3, {r3-r5}                 // columns, pair of rows, rows
        strd    r3, r4, [sp, #36]
        str     r5, [sp, #32]
    1:  ldr     r1, [sp, #40]
        add     r1, r0
        ldr     r3, [sp, #36]
        str     r0, [sp, #44]
        bics    r4, r3, #1
        beq     3f
        add     r4, r0, r4, lsl #3
        str     r4, [sp, #28]
    2:  ldrd    r12, lr, [sp]
        ldmia   r0!, {r3-r6}
        smlad   r12, r3, r7, r12
        smlad   lr, r5, r7, lr
        smlad   r12, r4, r8, r12
        smlad   lr, r6, r8, lr
        ldr     r3, [r0]
        smlad   r12, r5, r9, r12
        smlad   lr, r3, r9, lr
        ldmia   r1!, {r3-r6}
        smlabb  r12, r3, r10, r12
        smlabb  lr, r5, r10, lr
        smlabt  r12, r4, r10, r12
        smlabt  lr, r6, r10, lr
        ldr     r3, [r1]
        smlabb  r12, r5, r11, r12
        smlabb  lr, r3, r11, lr
        ldrd    r3, r4, [sp, #8]
        ldr     r5, [sp, #16]
        smmlar  r12, r12, r3, r12
        smmlar  lr, lr, r3, lr
        .if     %c[negatives]
        add     r12, r12, r12, asr #31
        add     lr, lr, lr, asr #31
        .endif
        smmlsr  r12, r12, r4, r5
        smmlsr  lr, lr, r4, r5
        ldrd    r3, r4, [sp, #24]
        ssat    r12, #8, r12
        ssat    lr, #8, lr
        strb    lr, [r2, r3]
        strb    r12, [r2]
        add     r2, r2, r3, lsl #1
        cmp     r0, r4
        bne     2b
        ldr     r3, [sp, #36]
    3:  lsls    r3, r3, #31                 // the last column of an odd number, stored over its right neighbour
        bpl     5f
        ldr     r12, [sp]
        ldmia   r0, {r3-r5}
        smlad   r12, r3, r7, r12
        smlad   r12, r4, r8, r12
        smlad   r12, r5, r9, r12
        ldmia   r1, {r3-r5}
        smlabb  r12, r3, r10, r12
        smlabt  r12, r4, r10, r12
        smlabb  r12, r5, r11, r12
        ldrd    r3, r4, [sp, #8]
        ldr     r5, [sp, #16]
        smmlar  r12, r12, r3, r12
        .if     %c[negatives]
        add     r12, r12, r12, asr #31
        .endif
        smmlsr  r12, r12, r4, r5
        ldr     r3, [sp, #24]
        ssat    r12, #8, r12
        strb    r12, [r2]
        add     r2, r3
    5:  ldr     r0, [sp, #44]
        ldr     r1, [sp, #40]
        add     r0, r1
        ldr     r3, [sp, #32]
        subs    r3, #1
        str     r3, [sp, #32]
        bne     1b
        add     sp, #48
        pop     {r4-r11, pc}
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

template <bool kNegatives, int kStride>
inline constexpr DepthwiseChannel kDepthwiseChannel =
    !kAssembly ? DepthwiseChannelTwin<kNegatives, kStride>
               : (kStride == 1 ? DepthwiseChannelStride1<kNegatives> : DepthwiseChannelStride2<kNegatives>);

// Copies `count` pixels of a pair of rows, four channels each, into the planes, which are `plane` words apart. `upper`
// and `lower` are the first pixels, *_step the bytes from one pixel to the next.
struct RowPair {
    const int8_t *upper, *lower;
    int32_t upper_step, lower_step;
};

inline void PairRowsTwin(uint32_t* to, int32_t plane, int32_t count, RowPair from) {
    for (; count > 0; --count, ++to) {
        const uint32_t upper = Load(from.upper), lower = Load(from.lower);
        to[0] = Pair(Low(EvenBytes(upper)), Low(EvenBytes(lower)));
        to[plane] = Pair(Low(OddBytes(upper)), Low(OddBytes(lower)));
        to[2 * plane] = Pair(High(EvenBytes(upper)), High(EvenBytes(lower)));
        to[3 * plane] = Pair(High(OddBytes(upper)), High(OddBytes(lower)));
        from.upper += from.upper_step;
        from.lower += from.lower_step;
    }
}

[[gnu::naked, gnu::noinline]] inline void PairRowsAssembly(uint32_t*, int32_t, int32_t, const RowPair&) {
    asm volatile(R"(
        push    {r4-r11, lr}
        ldmia   r3, {r3-r6}
        lsl     r1, r1, #2
        add     r7, r0, r1, lsl #1
    1:  ldr     r8, [r3]
        ldr     r9, [r4]
        add     r3, r5
        add     r4, r6
        pkhbt   r10, r8, r9, lsl #16
        pkhtb   r9, r9, r8, asr #16
        sxtb16  r11, r10, ror #8
        sxtb16  r10, r10
        sxtb16  r12, r9, ror #8
        sxtb16  r9, r9
        str     r11, [r0, r1]
        str     r10, [r0], #4
        str     r12, [r7, r1]
        str     r9, [r7], #4
        subs    r2, #1
        bne     1b
        pop     {r4-r11, pc}
    )");
}

inline void DepthwiseConv2D3x3Int8(const DepthwiseConv2DInt8Params& p, DepthwiseChannel channel_rows,
                                   const int8_t* input, const int32_t* packed, uint32_t* scratch, int32_t scratch_words,
                                   int8_t* output) {
    constexpr int32_t kPacked = 9;
    const int32_t depth = p.input_depth;
    const int32_t columns = PlaneColumns(p);
    const int32_t rows_at_once = RowsAtOnce(p, scratch_words);
    const int32_t row_pairs = RowPairs(p, rows_at_once);
    const int32_t plane = row_pairs * columns;
    const int32_t inside = Min(p.input_width, columns - p.padding_left);
    const uint32_t padding = static_cast<uint32_t>(-p.input_offset & 0xff) * 0x01010101u;
    const int32_t multiplier = p.depth_multiplier;
    const int32_t output_row = p.output_width * depth * multiplier;
    const int32_t image_row = p.input_width * depth;

    const uint32_t padding_pair = EvenBytes(padding);
    for (int32_t i = 0; i < kPlanes * plane; ++i) scratch[i] = padding_pair;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t channel = 0; channel < depth;) {
            const int32_t first = Min(channel, depth - kPlanes);  // of the planes; channels may be repeated
            DepthwiseRows rows = {p.output_offset, output_row,  depth * multiplier,
                                  p.output_width,  4 * columns, rows_at_once};
            int32_t have = 0;  // pairs of rows in the planes
            int32_t y = -p.padding_top;
            for (int32_t done = 0; done < p.output_height; done += rows_at_once) {
                rows.rows = Min(rows_at_once, p.output_height - done);
                const int32_t needed = RowPairs(p, rows.rows);
                for (; have < needed; ++have, y += 2) {
                    const auto* none = reinterpret_cast<const int8_t*>(&padding);
                    RowPair pair = {none, none, 0, 0};
                    if (y >= 0 && y < p.input_height) {
                        pair.upper = input + y * image_row + first;
                        pair.upper_step = depth;
                    }
                    if (y + 1 >= 0 && y + 1 < p.input_height) {
                        pair.lower = input + (y + 1) * image_row + first;
                        pair.lower_step = depth;
                    }
                    uint32_t* const to = scratch + have * columns + p.padding_left;
                    if constexpr (kAssembly) {
                        PairRowsAssembly(to, plane, inside, pair);
                    } else {
                        PairRowsTwin(to, plane, inside, pair);
                    }
                }
                for (int32_t i = (channel - first) * multiplier; i < kPlanes * multiplier; ++i) {
                    const int32_t made = first * multiplier + i;
                    channel_rows(scratch + i / multiplier * plane, packed + made * kPacked,
                                 output + done * output_row + made, rows);
                }
                if (done + rows_at_once < p.output_height) {
                    for (int32_t i = 0; i < kPlanes; ++i) {
                        memcpy(scratch + i * plane, scratch + i * plane + (row_pairs - 1) * columns,
                               4 * static_cast<size_t>(columns));
                    }
                    have = 1;
                }
            }
            channel = first + kPlanes;
        }
        input += p.input_height * image_row;
        output += p.output_height * output_row;
    }
    const int32_t elements = p.batches * p.output_height * output_row;
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

// The least scratch in bytes.
template <const DepthwiseConv2DInt8Params& p, int32_t scratch_bytes>
constexpr int32_t depthwise_conv_2d_3x3_int8_dsp_scratch_bytes() {
    return 4 * dsp::DepthwiseConv2D3x3Int8ScratchWords(p);
}

//   packed   nine words per channel: see DepthwiseChannel
//   scratch  scratch_bytes, 4-byte aligned: the more, the fewer instructions
//   output   as for depthwise_conv_2d_int8_dsp()
template <const DepthwiseConv2DInt8Params& p, int32_t scratch_bytes>
inline void depthwise_conv_2d_3x3_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t* scratch,
                                           int8_t* output) {
    static_assert(dsp::Is3x3(p));
    constexpr bool kNegatives = p.activation_min != p.output_offset;
    dsp::DepthwiseConv2D3x3Int8(p, dsp::kDepthwiseChannel<kNegatives, p.stride_width>, input, packed,
                                reinterpret_cast<uint32_t*>(scratch), scratch_bytes / 4, output);
}

}  // namespace kerf
