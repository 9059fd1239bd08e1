// CONV_2D of int8 for cores with the DSP extension. Must equal conv_2d_int8() of conv_2d.h.
//
// Computes three output positions and two channels at a time. Positions: their windows are interleaved into one run of
// int16 pairs (`Interleave`), once for all channels. Channels: two weights, w0 of the first channel and w1 of the
// second, are stored as w0 + 256 w1, so that one multiplication serves both:
//
//     both = sum of (w0 + 256 w1) x,   first = sum of w0 x (SXTB16 extracts w0),   second = (both - first) >> 8
//
// This is exact as long as the second sum fits in 24 bits: in every second channel, the magnitudes of the weights must
// add up to less than 2^16, which up to 516 weights always do.
//
// The sums exclude the input offset: it is folded into the bias, and padding is the zero point.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/conv_2d.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kPositions = 3;

// A window is `count` groups of columns, each of which is filter_height runs of `length` contiguous elements: one
// group, or one per column if dilation separates the columns.
struct Runs {
    int32_t count, length;
};

constexpr Runs RunsOf(const Conv2DInt8Params& p) {
    if (p.dilation_width == 1) return {1, p.filter_width * p.input_depth};
    return {p.filter_width, p.input_depth};
}

// Quads (two pairs of elements) per window: each run is padded to whole pairs, the window to whole quads.
constexpr int32_t Quads(const Conv2DInt8Params& p) {
    const Runs runs = RunsOf(p);
    return (runs.count * p.filter_height * ((runs.length + 1) / 2) + 1) / 2;
}

// Whether windows are read from the input itself, because none leaves it; otherwise rows are copied with their padding.
constexpr bool ReadsInput(const Conv2DInt8Params& p) {
    const int32_t bottom =
        (p.output_height - 1) * p.stride_height + (p.filter_height - 1) * p.dilation_height - p.padding_top;
    const int32_t right =
        (p.output_width - 1) * p.stride_width + (p.filter_width - 1) * p.dilation_width - p.padding_left;
    return p.padding_top == 0 && p.padding_left == 0 && bottom < p.input_height && right < p.input_width;
}

constexpr int32_t PaddedWidth(const Conv2DInt8Params& p) {
    return Max((p.output_width - 1) * p.stride_width + (p.filter_width - 1) * p.dilation_width + 1,
               p.padding_left + p.input_width);
}

// Padded rows that the windows of kPositions consecutive positions read.
constexpr int32_t RowsHeld(const Conv2DInt8Params& p) {
    const int32_t output_rows = Min((kPositions - 2) / p.output_width + 2, p.output_height);
    return (p.filter_height - 1) * p.dilation_height + 1 + (output_rows - 1) * p.stride_height;
}

// Words of scratch that a convolution of elements of `element_bytes` needs besides the windows.
constexpr int32_t RowsWords(const Conv2DInt8Params& p, int32_t element_bytes) {
    const int32_t rows = ReadsInput(p) ? 0 : RowsHeld(p) * PaddedWidth(p) * p.input_depth * element_bytes;
    return (rows + 3) / 4;
}

// The layout of a window in memory: `count` rows of `words` words and `rest` more elements. The next row begins `step`
// bytes after the end of a row; if that is at or beyond `end`, `back` bytes earlier, because rows may be in a ring.
struct Rows {
    int32_t words, rest, count, step;
    const int8_t* end;
    int32_t back;
};

// Writes the elements of three windows, row by row, as pairs: (0,2) of each, (1,3) of each, (4,6) …; the rest of a row
// as (0,1) and (0, anything). Returns the end of what it has written.
inline uint32_t* InterleaveTwin(uint32_t* pairs, const int8_t* const* windows, const Rows& rows) {
    const int8_t* from[kPositions] = {windows[0], windows[1], windows[2]};
    for (int32_t row = 0; row < rows.count; ++row) {
        for (int32_t i = 0; i < rows.words; ++i, pairs += 2 * kPositions) {
            for (int32_t j = 0; j < kPositions; ++j, from[j - 1] += 4) {
                pairs[j] = EvenBytes(Load(from[j]));
                pairs[kPositions + j] = OddBytes(Load(from[j]));
            }
        }
        if ((rows.rest & 2) != 0) {
            for (int32_t j = 0; j < kPositions; ++j, from[j - 1] += 2) *pairs++ = Pair(from[j][0], from[j][1]);
        }
        if ((rows.rest & 1) != 0) {
            for (int32_t j = 0; j < kPositions; ++j, from[j - 1] += 1) *pairs++ = Pair(from[j][0], -1);
        }
        for (const int8_t*& element : from) {
            element += rows.step;
            if (element >= rows.end) element -= rows.back;
        }
    }
    return pairs;
}

// r0 pairs, r1-r3 windows, r4-r9 pairs to be stored, r10 rows left, r11 step, r12 end, lr words left.
[[gnu::naked, gnu::noinline]] inline uint32_t* InterleaveAssembly(uint32_t*, const int8_t* const*, const Rows&) {
    asm volatile(R"(
        push    {r4-r11, lr}
        ldmia   r2, {r8-r12}                // words, rest, count, step, end
        ldr     r7, [r2, #20]
        push    {r7-r9}
        ldmia   r1, {r1-r3}
    1:  ldr     lr, [sp, #4]
        cmp     lr, #0
        beq     3f
    2:  ldr     r4, [r1], #4
        ldr     r5, [r2], #4
        ldr     r6, [r3], #4
        sxtb16  r7, r4, ror #8
        sxtb16  r8, r5, ror #8
        sxtb16  r9, r6, ror #8
        sxtb16  r4, r4
        sxtb16  r5, r5
        sxtb16  r6, r6
        subs    lr, #1
        stmia   r0!, {r4-r9}
        bne     2b
    3:  ldr     r4, [sp, #8]
        lsls    r4, r4, #31                 // carry: two are over, negative: one is
        bcc     4f
        ldrsb   r4, [r1], #1
        ldrsb   r5, [r2], #1
        ldrsb   r6, [r3], #1
        ldrsb   r7, [r1], #1
        ldrsb   r8, [r2], #1
        ldrsb   r9, [r3], #1
        pkhbt   r4, r4, r7, lsl #16
        pkhbt   r5, r5, r8, lsl #16
        pkhbt   r6, r6, r9, lsl #16
        stmia   r0!, {r4-r6}
    4:  bpl     5f
        ldrsb   r4, [r1], #1
        ldrsb   r5, [r2], #1
        ldrsb   r6, [r3], #1
        stmia   r0!, {r4-r6}
    5:  ldr     r7, [sp]
        add     r1, r11
        cmp     r1, r12
        it      hs
        subhs   r1, r7
        add     r2, r11
        cmp     r2, r12
        it      hs
        subhs   r2, r7
        add     r3, r11
        cmp     r3, r12
        it      hs
        subhs   r3, r7
        subs    r10, #1
        bne     1b
        add     sp, #12
        pop     {r4-r11, pc}
    )");
}

// Computes all channels of three positions.
//   pairs      [2 * quads][3], from Interleave
//   packed     for every two channels: bias of the first; 2 * quads words, each with two weights of both channels,
//              (w0[a] + 256 w1[a]) | (w0[b] + 256 w1[b]) << 16; whether more channels follow (0 or 1); multiplier and
//              power of the first; bias, multiplier and power of the second; zero point of the output
//   outputs    the first channel of each position; addresses may be equal
using ConvBlockFunction = void (*)(const uint32_t* pairs, const int32_t* packed, int32_t quads, int8_t* output0,
                                   int8_t* output1, int8_t* output2);

template <bool kNegatives>
inline void ConvBlockTwin(const uint32_t* pairs, const int32_t* packed, int32_t quads, int8_t* output0, int8_t* output1,
                          int8_t* output2) {
    const uint32_t* const pairs_end = pairs + 2 * kPositions * quads;
    int8_t* outputs[kPositions] = {output0, output1, output2};
    for (bool more = true; more;) {
        const uint32_t bias = static_cast<uint32_t>(*packed++);
        uint32_t first[kPositions] = {bias, bias, bias};
        uint32_t both[kPositions] = {bias, bias, bias};
        for (const uint32_t* pair = pairs; pair != pairs_end; pair += kPositions) {
            const uint32_t weights = static_cast<uint32_t>(*packed++);
            for (int32_t j = 0; j < kPositions; ++j) {
                both[j] = AddProducts(both[j], weights, pair[j]);
                first[j] = AddProducts(first[j], EvenBytes(weights), pair[j]);
            }
        }
        more = packed[0] != 0;
        for (int32_t j = 0; j < kPositions; ++j) {
            *outputs[j]++ = Requantize<kNegatives>(first[j], packed[1], packed[2], packed[6]);
        }
        for (int32_t j = 0; j < kPositions; ++j) {
            const int32_t second = static_cast<int32_t>(both[j] - first[j]) >> 8;
            *outputs[j]++ = Requantize<kNegatives>(static_cast<uint32_t>(packed[3]) + static_cast<uint32_t>(second),
                                                   packed[4], packed[5], packed[6]);
        }
        packed += 7;
    }
}

// r0 pairs, r1 packed, r2 end of pairs, r3-r5 pairs of the positions, r6-r7 weights, r8-r10 first, r11-r12-lr both.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void ConvBlockAssembly(const uint32_t*, const int32_t*, int32_t, int8_t*, int8_t*,
                                                     int8_t*) {
    asm volatile(R"(
        .macro  kerf_products weights
        ldmia   r0!, {r3-r5}
        smlad   r11, \weights, r3, r11
        smlad   r12, \weights, r4, r12
        smlad   lr, \weights, r5, lr
        sxtb16  \weights, \weights
        smlad   r8, \weights, r3, r8
        smlad   r9, \weights, r4, r9
        smlad   r10, \weights, r5, r10
        .endm

        .macro  kerf_requantize sum0, sum1, sum2, multiplier, power, zero_point
        smmlar  \sum0, \sum0, \multiplier, \sum0
        smmlar  \sum1, \sum1, \multiplier, \sum1
        smmlar  \sum2, \sum2, \multiplier, \sum2
        .if     %c[negatives]
        add     \sum0, \sum0, \sum0, asr #31
        add     \sum1, \sum1, \sum1, asr #31
        add     \sum2, \sum2, \sum2, asr #31
        .endif
        smmlsr  \sum0, \sum0, \power, \zero_point
        smmlsr  \sum1, \sum1, \power, \zero_point
        smmlsr  \sum2, \sum2, \power, \zero_point
        ssat    \sum0, #8, \sum0
        ssat    \sum1, #8, \sum1
        ssat    \sum2, #8, \sum2
        .endm

        push    {r3-r11, lr}
        subs    r4, r2, #1                  // where in the loop of four quads to begin, after the first quad
        and     r4, r4, #3
        adr     r5, 4f + 1
        sub     r5, r5, r4, lsl #6
        add     r2, r2, r2, lsl #1
        add     r2, r0, r2, lsl #3
        push    {r0, r2, r5}

    1:  ldrd    r0, r2, [sp]
        ldr     lr, [r1], #4
        ldrd    r6, r7, [r1], #8
        ldmia   r0!, {r3-r5}
        smlad   r11, r6, r3, lr
        smlad   r12, r6, r4, lr
        sxtb16  r10, r6
        smlad   r8, r10, r3, lr
        smlad   r9, r10, r4, lr
        smlad   r10, r10, r5, lr
        smlad   lr, r6, r5, lr
        kerf_products r7
        ldr     pc, [sp, #8]

        .balign 4
    3:  .rept   4
        ldrd    r6, r7, [r1], #8
        kerf_products r6
        kerf_products r7
        .endr
    4:  cmp     r0, r2
        bne     3b

        sub     r11, r11, r8
        sub     r12, r12, r9
        sub     lr, lr, r10
        ldmia   r1!, {r0, r2-r7}
        cmp     r0, #0
        kerf_requantize r8, r9, r10, r2, r3, r7
        ldr     r0, [sp, #12]
        ldrd    r2, r3, [sp, #52]
        strb    r8, [r0], #1
        strb    r9, [r2], #1
        strb    r10, [r3], #1
        add     r11, r4, r11, asr #8
        add     r12, r4, r12, asr #8
        add     lr, r4, lr, asr #8
        kerf_requantize r11, r12, lr, r5, r6, r7
        strb    r11, [r0], #1
        strb    r12, [r2], #1
        strb    lr, [r3], #1
        str     r0, [sp, #12]
        strd    r2, r3, [sp, #52]
        bne     1b

        add     sp, #16
        pop     {r4-r11, pc}
        .purgem kerf_products
        .purgem kerf_requantize
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

// The differences between the convolutions that use the loops below.
struct ConvElements {
    int32_t bytes;  // of an element
    uint32_t* (*interleave)(uint32_t* pairs, const int8_t* const* windows, const Rows& rows);
    ConvBlockFunction block;
};

template <bool kNegatives>
inline constexpr ConvElements kConvInt8 = {1, kAssembly ? InterleaveAssembly : InterleaveTwin,
                                           kAssembly ? ConvBlockAssembly<kNegatives> : ConvBlockTwin<kNegatives>};

// What follows from the parameters: the compiler computes it, so that it takes no stack.
struct ConvSizes {
    int32_t count;         // length of a window, passed to `block`
    int32_t window_words;  // of scratch for the windows of kPositions positions
    int32_t packed_words;  // for two channels

    // In bytes. A row is one of the input or, if rows are copied, of the copies, which are in a ring.
    int32_t pixel, output_pixel, run, image_row, row, ring;
    int32_t column_step,
        row_step;  // from a window to the next in its row, and from the last in its row to the next row
};

constexpr ConvSizes SizesOf(const Conv2DInt8Params& p, int32_t count, int32_t window_words, int32_t packed_words,
                            int32_t element_bytes) {
    const int32_t pixel = p.input_depth * element_bytes, column_step = p.stride_width * pixel;
    const int32_t row = (ReadsInput(p) ? p.input_width : PaddedWidth(p)) * pixel;
    return {count,
            window_words,
            packed_words,
            pixel,
            p.output_depth * element_bytes,
            RunsOf(p).length * element_bytes,
            p.input_width * pixel,
            row,
            (ReadsInput(p) ? p.input_height : RowsHeld(p)) * row,
            column_step,
            p.stride_height * row - p.output_width * column_step};
}

constexpr ConvSizes Int8SizesOf(const Conv2DInt8Params& p) {
    return SizesOf(p, Quads(p), 2 * kPositions * Quads(p), 2 * Quads(p) + 8, 1);
}

// Input and output are passed as bytes.
inline void Conv2D(const Conv2DInt8Params& p, const ConvElements& elements, const ConvSizes& sizes, const int8_t* input,
                   const int32_t* packed, uint32_t* scratch, int8_t* output) {
    const bool reads_input = ReadsInput(p);
    int8_t* const copies = reinterpret_cast<int8_t*>(scratch + sizes.window_words);

    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const int8_t* const first_row = reads_input ? input : copies;
        const Rows rows = {sizes.run / 4,          sizes.run % 4 / elements.bytes,
                           p.filter_height,        p.dilation_height * sizes.row - sizes.run,
                           first_row + sizes.ring, sizes.ring};
        const int8_t* window = first_row;
        int32_t columns = p.output_width;
        int32_t rows_needed = (p.filter_height - 1) * p.dilation_height + 1, rows_loaded = 0;
        int8_t* load_to = copies;
        for (int32_t left = p.output_height * p.output_width; left > 0; left -= kPositions) {
            const int8_t* windows[kPositions];
            int8_t* outputs[kPositions];
            for (int32_t j = 0; j < kPositions; ++j) {
                if (j < left) {
                    windows[j] = window;
                    outputs[j] = output;
                    window += sizes.column_step;
                    output += sizes.output_pixel;
                    if (--columns == 0) {
                        columns = p.output_width;
                        window += sizes.row_step;
                        if (window >= rows.end) window -= sizes.ring;
                        rows_needed += p.stride_height;
                    }
                } else {
                    windows[j] = windows[j - 1];
                    outputs[j] = outputs[j - 1];
                }
            }
            if (!reads_input) {
                const int32_t needed = columns == p.output_width ? rows_needed - p.stride_height : rows_needed;
                for (; rows_loaded < needed; ++rows_loaded) {
                    memset(load_to, -p.input_offset, static_cast<size_t>(sizes.row));
                    const int32_t y = rows_loaded - p.padding_top;
                    if (y >= 0 && y < p.input_height) {
                        memcpy(load_to + p.padding_left * sizes.pixel, input + y * sizes.image_row,
                               static_cast<size_t>(sizes.image_row));
                    }
                    load_to += sizes.row;
                    if (load_to == rows.end) load_to = copies;
                }
            }
            uint32_t* pairs = elements.interleave(scratch, windows, rows);
            for (int32_t i = 1; i < RunsOf(p).count; ++i) {
                for (const int8_t*& element : windows) element += p.dilation_width * sizes.pixel;
                pairs = elements.interleave(pairs, windows, rows);
            }
            elements.block(scratch, packed, sizes.count, outputs[0], outputs[1], outputs[2]);
            if (p.output_depth % 2 != 0) {
                const int32_t last = sizes.output_pixel - 2 * elements.bytes;
                elements.block(scratch, packed + p.output_depth / 2 * sizes.packed_words, sizes.count,
                               outputs[0] + last, outputs[1] + last, outputs[2] + last);
            }
        }
        input += p.input_height * sizes.image_row;
    }
}

inline void Conv2DInt8(const Conv2DInt8Params& p, const ConvElements& elements, const ConvSizes& sizes,
                       const int8_t* input, const int32_t* packed, uint32_t* scratch, int8_t* output) {
    Conv2D(p, elements, sizes, input, packed, scratch, output);
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output, p.batches * p.output_height * p.output_width * p.output_depth, p.activation_min,
                 p.activation_max);
    }
}

}  // namespace dsp

template <const Conv2DInt8Params& p>
constexpr int32_t conv_2d_int8_dsp_scratch_bytes() {
    return 4 * (dsp::Int8SizesOf(p).window_words + dsp::RowsWords(p, 1));
}

//   p        no groups, at least two output channels
//   packed   see ConvBlockFunction
//   scratch  conv_2d_int8_dsp_scratch_bytes(), 4-byte aligned
//   output   may begin below the input and overlap it: an input row is last read when the first output row that needs
//            it begins or, if no window leaves the input, position by position
template <const Conv2DInt8Params& p>
inline void conv_2d_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.output_depth >= 2 && p.filter_depth == p.input_depth);
    static constexpr Conv2DInt8Params kFlattened = Flattened(p);
    static constexpr dsp::ConvSizes kSizes = dsp::Int8SizesOf(kFlattened);
    dsp::Conv2DInt8(kFlattened, dsp::kConvInt8<(p.activation_min != p.output_offset)>, kSizes, input, packed,
                    reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
