// CONV_2D of int16 with int8 weights for cores with the DSP extension. Must equal conv_2d_int16() of conv_2d.h with a
// 64-bit bias or none.
//
// The loops are those of conv_2d_dsp.h. Sums are 32 bits wide: 2^15 times the sum of the magnitudes of a channel's
// weights, plus its bias, must stay below 2^31. TFLM's rescaling, (x m + 2^(r-1)) >> r, then is
//
//     SMMULR(x, m * 2^(32-r))                 for a right shift r of 17 … 32 and a multiplier m below 2^15
//
// followed by SSAT or, for a RELU, USAT.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/conv_2d_dsp.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

inline uint32_t* InterleaveInt16Twin(uint32_t* pairs, const int8_t* const* windows, const Rows& rows) {
    const int8_t* from[kPositions] = {windows[0], windows[1], windows[2]};
    for (int32_t row = 0; row < rows.count; ++row) {
        for (int32_t i = 0; i < rows.words; ++i) {
            for (int32_t j = 0; j < kPositions; ++j, from[j - 1] += 4) *pairs++ = Load(from[j]);
        }
        if (rows.rest != 0) {
            for (int32_t j = 0; j < kPositions; ++j, from[j - 1] += 2) {
                int16_t element;
                memcpy(&element, from[j], sizeof(element));
                *pairs++ = Pair(element, -1);
            }
        }
        for (const int8_t*& element : from) {
            element += rows.step;
            if (element >= rows.end) element -= rows.back;
        }
    }
    return pairs;
}

// r0 pairs, r1-r3 windows, r4-r9 pairs to be stored, r10 rows left, r11 step, r12 end, lr words left.
[[gnu::naked, gnu::noinline]] inline uint32_t* InterleaveInt16Assembly(uint32_t*, const int8_t* const*, const Rows&) {
    asm volatile(R"(
        push    {r4-r11, lr}
        ldmia   r2, {r8-r12}                // words, rest, count, step, end
        ldr     r7, [r2, #20]
        push    {r7-r9}
        ldmia   r1, {r1-r3}
    1:  ldr     lr, [sp, #4]
        lsrs    lr, lr, #1                  // carry: an odd number of words
        bcc     2f
        ldr     r4, [r1], #4
        ldr     r5, [r2], #4
        ldr     r6, [r3], #4
        stmia   r0!, {r4-r6}
    2:  cmp     lr, #0
        beq     4f
    3:  ldr     r4, [r1], #4
        ldr     r5, [r2], #4
        ldr     r6, [r3], #4
        ldr     r7, [r1], #4
        ldr     r8, [r2], #4
        ldr     r9, [r3], #4
        subs    lr, #1
        stmia   r0!, {r4-r9}
        bne     3b
    4:  ldrd    r7, lr, [sp]
        ldr     r4, [sp, #8]
        cmp     r4, #0
        beq     5f
        ldrsh   r4, [r1], #2
        ldrsh   r5, [r2], #2
        ldrsh   r6, [r3], #2
        stmia   r0!, {r4-r6}
    5:  add     r1, r11
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

// Computes all channels of three positions, as in conv_2d_dsp.h.
//   packed  for every two channels: both biases; for each of 2 * quads pairs of elements a word of weights of either
//           channel, which has the layout of the pairs; whether more channels follow (0 or 1); both multipliers
//           m * 2^(32-r)
template <bool kRelu>
inline void ConvBlockInt16Twin(const uint32_t* pairs, const int32_t* packed, int32_t quads, int8_t* output0,
                               int8_t* output1, int8_t* output2) {
    const uint32_t* const pairs_end = pairs + 2 * kPositions * quads;
    int8_t* outputs[kPositions] = {output0, output1, output2};
    for (bool more = true; more; packed += 3) {
        uint32_t sums[2][kPositions];
        for (auto& of_channel : sums) {
            for (uint32_t& sum : of_channel) sum = static_cast<uint32_t>(*packed);
            ++packed;
        }
        for (const uint32_t* pair = pairs; pair != pairs_end; pair += kPositions) {
            for (auto& of_channel : sums) {
                const uint32_t weights = static_cast<uint32_t>(*packed++);
                for (int32_t j = 0; j < kPositions; ++j) of_channel[j] = AddProducts(of_channel[j], weights, pair[j]);
            }
        }
        more = packed[0] != 0;
        for (int32_t channel = 0; channel < 2; ++channel) {
            for (int32_t j = 0; j < kPositions; ++j) {
                const int16_t element = RequantizeInt16<kRelu>(sums[channel][j], packed[1 + channel]);
                memcpy(outputs[j], &element, sizeof(element));
                outputs[j] += sizeof(element);
            }
        }
    }
}

// r0 pairs, r1 packed, r2 end of pairs, r3-r5 pairs of the positions, r6-r7 weights, r8-r10 sums of the first channel,
// r11-r12-lr of the second.
template <bool kRelu>
[[gnu::naked, gnu::noinline]] void ConvBlockInt16Assembly(const uint32_t*, const int32_t*, int32_t, int8_t*, int8_t*,
                                                          int8_t*) {
    asm volatile(R"(
        .macro  kerf_products
        ldrd    r6, r7, [r1], #8
        ldmia.w r0!, {r3-r5}
        smlad   r8, r6, r3, r8
        smlad   r9, r6, r4, r9
        smlad   r10, r6, r5, r10
        smlad   r11, r7, r3, r11
        smlad   r12, r7, r4, r12
        smlad   lr, r7, r5, lr
        .endm

        .macro  kerf_requantize sum, multiplier
        smmulr  \sum, \sum, \multiplier
        .if     %c[relu]
        usat    \sum, #15, \sum
        .else
        ssat    \sum, #16, \sum
        .endif
        .endm

        push    {r3-r11, lr}
        and     r4, r2, #3                  // where in the loop of four quads to begin
        adr     r5, 4f + 1
        sub     r5, r5, r4, lsl #6
        add     r2, r2, r2, lsl #1
        add     r2, r0, r2, lsl #3
        push    {r0, r2, r5}

    1:  ldrd    r0, r2, [sp]
        ldrd    r8, r11, [r1], #8
        mov     r9, r8
        mov     r10, r8
        mov     r12, r11
        mov     lr, r11
        ldr     pc, [sp, #8]

        .balign 4
    3:  .rept   8
        kerf_products
        .endr
    4:  cmp     r0, r2
        bne     3b

        ldmia   r1!, {r0, r2, r3}
        cmp     r0, #0
        kerf_requantize r8, r2
        kerf_requantize r9, r2
        kerf_requantize r10, r2
        kerf_requantize r11, r3
        kerf_requantize r12, r3
        kerf_requantize lr, r3
        ldr     r0, [sp, #12]
        ldrd    r2, r3, [sp, #52]
        strh    r8, [r0], #2
        strh    r9, [r2], #2
        strh    r10, [r3], #2
        strh    r11, [r0], #2
        strh    r12, [r2], #2
        strh    lr, [r3], #2
        str     r0, [sp, #12]
        strd    r2, r3, [sp, #52]
        bne     1b

        add     sp, #16
        pop     {r4-r11, pc}
        .purgem kerf_products
        .purgem kerf_requantize
    )" ::[relu] "i"(kRelu)
                 : "memory");
}

template <bool kRelu>
inline constexpr ConvElements kConvInt16 = {2, kAssembly ? InterleaveInt16Assembly : InterleaveInt16Twin,
                                            kAssembly ? ConvBlockInt16Assembly<kRelu> : ConvBlockInt16Twin<kRelu>};

// The parameters of an int16 layer for the loops of conv_2d_dsp.h, with offsets of 0.
constexpr Conv2DInt8Params WalkOf(const Conv2DInt16Params& p) {
    return Flattened({p.batches,
                      p.input_height,
                      p.input_width,
                      p.input_depth,
                      p.filter_height,
                      p.filter_width,
                      p.filter_depth,
                      p.output_height,
                      p.output_width,
                      p.output_depth,
                      p.stride_height,
                      p.stride_width,
                      p.dilation_height,
                      p.dilation_width,
                      p.padding_top,
                      p.padding_left,
                      0,
                      0,
                      p.activation_min,
                      p.activation_max});
}

constexpr ConvSizes Int16SizesOf(const Conv2DInt8Params& p) {
    return SizesOf(p, Quads(p), 2 * kPositions * Quads(p), 4 * Quads(p) + 5, 2);
}

inline void Conv2DInt16(const Conv2DInt8Params& p, const ConvElements& elements, const ConvSizes& sizes,
                        const int16_t* input, const int32_t* packed, uint32_t* scratch, int16_t* output) {
    Conv2D(p, elements, sizes, reinterpret_cast<const int8_t*>(input), packed, scratch,
           reinterpret_cast<int8_t*>(output));
    if (NarrowerThanInt16(p.activation_min, p.activation_max)) {
        ClampAll(output, p.batches * p.output_height * p.output_width * p.output_depth, p.activation_min,
                 p.activation_max);
    }
}

}  // namespace dsp

template <const Conv2DInt16Params& p>
constexpr int32_t conv_2d_int16_dsp_scratch_bytes() {
    return 4 * (dsp::Int16SizesOf(dsp::WalkOf(p)).window_words + dsp::RowsWords(dsp::WalkOf(p), 2));
}

//   p        no groups, at least two output channels
//   packed   see ConvBlockInt16Twin
//   scratch  conv_2d_int16_dsp_scratch_bytes(), 4-byte aligned
//   output   as for conv_2d_int8_dsp()
template <const Conv2DInt16Params& p>
inline void conv_2d_int16_dsp(const int16_t* input, const int32_t* packed, uint8_t* scratch, int16_t* output) {
    static_assert(p.output_depth >= 2 && p.filter_depth == p.input_depth);
    static constexpr Conv2DInt8Params kWalk = dsp::WalkOf(p);
    static constexpr dsp::ConvSizes kSizes = dsp::Int16SizesOf(kWalk);
    dsp::Conv2DInt16(kWalk, dsp::kConvInt16<p.activation_min == 0>, kSizes, input, packed,
                     reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
