// CONV_2D of int8 for cores with the DSP extension, with less scratch than conv_2d_dsp.h. Must equal conv_2d_int8() of
// conv_2d.h.
//
// Computes two output positions and two channels at a time, with the weights of conv_2d_dsp.h. Windows are gathered
// from the input itself, position by position, with their padding, so there are no copies of rows.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/conv_2d.h"
#include "kernels/conv_2d_dsp.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kLeanPositions = 2;

constexpr int32_t LeanWindowWords(const Conv2DInt8Params& p) {
    return 2 * kLeanPositions * Quads(p);
}

// Gathers the window whose first element is at row `top` and column `left`, which may be outside the image: writes its
// elements to every second of `pairs`, in the order of Interleave.
[[gnu::noinline]] inline void GatherWindow(const Conv2DInt8Params& p, const int8_t* input, int32_t top, int32_t left,
                                           uint32_t* pairs) {
    const Runs runs = RunsOf(p);
    const int32_t padding = -p.input_offset;
    for (int32_t column = 0; column < runs.count; ++column, left += p.dilation_width) {
        // Elements begin … end - 1 of a run are in the image, unless its row is not.
        const int32_t begin = Max(-left, int32_t{0}) * p.input_depth;
        for (int32_t y = top, row = 0; row < p.filter_height; y += p.dilation_height, ++row) {
            const bool inside = y >= 0 && y < p.input_height;
            const int32_t end = inside ? Min((p.input_width - left) * p.input_depth, runs.length) : 0;
            const int32_t at = (y * p.input_width + left) * p.input_depth;
            const auto element = [&](int32_t i) { return i >= begin && i < end ? int32_t{input[at + i]} : padding; };
            int32_t i = 0;
            while (i + 4 <= runs.length) {
                if (i >= begin && i + 4 <= end) {
                    const int8_t* from = input + at + i;
                    for (; i + 4 <= end; i += 4, from += 4, pairs += 2 * kLeanPositions) {
                        const uint32_t bytes = Load(from);
                        pairs[0] = EvenBytes(bytes);
                        pairs[kLeanPositions] = OddBytes(bytes);
                    }
                    continue;
                }
                if (i + 4 <= begin || i >= end) {
                    pairs[0] = pairs[kLeanPositions] = Pair(padding, padding);
                } else {
                    pairs[0] = Pair(element(i), element(i + 2));
                    pairs[kLeanPositions] = Pair(element(i + 1), element(i + 3));
                }
                i += 4;
                pairs += 2 * kLeanPositions;
            }
            for (; i < runs.length; i += 2, pairs += kLeanPositions) *pairs = Pair(element(i), element(i + 1));
        }
    }
}

// Computes all channels of two positions. `pairs` are [2 * quads][2], the rest is as for ConvBlockFunction.
using LeanBlockFunction = void (*)(const uint32_t* pairs, const int32_t* packed, int32_t quads, int8_t* output0,
                                   int8_t* output1);

template <bool kNegatives>
inline void LeanBlockTwin(const uint32_t* pairs, const int32_t* packed, int32_t quads, int8_t* output0,
                          int8_t* output1) {
    int8_t* outputs[kLeanPositions] = {output0, output1};
    for (bool more = true; more;) {
        const uint32_t bias = static_cast<uint32_t>(*packed++);
        uint32_t first[kLeanPositions] = {bias, bias};
        uint32_t both[kLeanPositions] = {bias, bias};
        for (const uint32_t* pair = pairs; pair != pairs + 2 * kLeanPositions * quads; pair += kLeanPositions) {
            const uint32_t weights = static_cast<uint32_t>(*packed++);
            for (int32_t j = 0; j < kLeanPositions; ++j) {
                both[j] = AddProducts(both[j], weights, pair[j]);
                first[j] = AddProducts(first[j], EvenBytes(weights), pair[j]);
            }
        }
        more = packed[0] != 0;
        for (int32_t j = 0; j < kLeanPositions; ++j) {
            const int32_t second = static_cast<int32_t>(both[j] - first[j]) >> 8;
            *outputs[j]++ = Requantize<kNegatives>(first[j], packed[1], packed[2], packed[6]);
            *outputs[j]++ = Requantize<kNegatives>(static_cast<uint32_t>(packed[3]) + static_cast<uint32_t>(second),
                                                   packed[4], packed[5], packed[6]);
        }
        packed += 7;
    }
}

// r0 pairs, r1 packed, r2-r5 pairs of the positions, r6-r7 weights, r8-r9 first, r11-r12 both, r10 end of pairs,
// lr where in the loop of four quads to begin: they take 48 bytes each.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void LeanBlockAssembly(const uint32_t*, const int32_t*, int32_t, int8_t*, int8_t*) {
    asm volatile(R"(
        .macro  kerf_products weights, pair0, pair1
        smlad   r11, \weights, \pair0, r11
        smlad   r12, \weights, \pair1, r12
        sxtb16  \weights, \weights
        smlad   r8, \weights, \pair0, r8
        smlad   r9, \weights, \pair1, r9
        .endm

        .macro  kerf_requantize sum0, sum1, multiplier, power, zero_point
        smmlar  \sum0, \sum0, \multiplier, \sum0
        smmlar  \sum1, \sum1, \multiplier, \sum1
        .if     %c[negatives]
        add     \sum0, \sum0, \sum0, asr #31
        add     \sum1, \sum1, \sum1, asr #31
        .endif
        smmlsr  \sum0, \sum0, \power, \zero_point
        smmlsr  \sum1, \sum1, \power, \zero_point
        ssat    \sum0, #8, \sum0
        ssat    \sum1, #8, \sum1
        .endm

        push    {r3-r11, lr}
        add     r10, r0, r2, lsl #4
        rsbs    r2, r2, #0
        and     r2, r2, #3
        add     r2, r2, r2, lsl #1
        adr     lr, 3f + 1
        add     lr, lr, r2, lsl #4
        push    {r0}

    1:  ldr     r0, [sp]
        ldr     r11, [r1], #4
        mov     r12, r11
        mov     r8, r11
        mov     r9, r11
        bx      lr

        .balign 4
    3:  .rept   4
        ldrd    r6, r7, [r1], #8
        ldmia.w r0!, {r2-r5}
        kerf_products r6, r2, r3
        kerf_products r7, r4, r5
        .endr
        cmp     r0, r10
        bne     3b

        sub     r11, r11, r8
        sub     r12, r12, r9
        ldmia   r1!, {r0, r2-r7}
        cmp     r0, #0
        kerf_requantize r8, r9, r2, r3, r7
        ldr     r0, [sp, #4]
        ldr     r2, [sp, #44]
        strb    r8, [r0], #1
        strb    r9, [r2], #1
        add     r11, r4, r11, asr #8
        add     r12, r4, r12, asr #8
        kerf_requantize r11, r12, r5, r6, r7
        strb    r11, [r0], #1
        strb    r12, [r2], #1
        str     r0, [sp, #4]
        str     r2, [sp, #44]
        bne     1b

        add     sp, #8
        pop     {r4-r11, pc}
        .purgem kerf_products
        .purgem kerf_requantize
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

template <bool kNegatives>
inline constexpr LeanBlockFunction kLeanBlock = kAssembly ? LeanBlockAssembly<kNegatives> : LeanBlockTwin<kNegatives>;

inline void Conv2DLeanInt8(const Conv2DInt8Params& p, LeanBlockFunction block, const int8_t* input,
                           const int32_t* packed, uint32_t* scratch, int8_t* output) {
    const int32_t quads = Quads(p), positions = p.output_height * p.output_width;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t position = 0; position < positions; position += kLeanPositions) {
            int8_t* outputs[kLeanPositions];
            for (int32_t j = 0; j < kLeanPositions; ++j) {
                const int32_t at = Min(position + j, positions - 1);
                GatherWindow(p, input, at / p.output_width * p.stride_height - p.padding_top,
                             at % p.output_width * p.stride_width - p.padding_left, scratch + j);
                outputs[j] = output + at * p.output_depth;
            }
            block(scratch, packed, quads, outputs[0], outputs[1]);
            if (p.output_depth % 2 != 0) {
                const int32_t last = p.output_depth - 2;
                block(scratch, packed + p.output_depth / 2 * (2 * quads + 8), quads, outputs[0] + last,
                      outputs[1] + last);
            }
        }
        input += p.input_height * p.input_width * p.input_depth;
        output += positions * p.output_depth;
    }
    const int32_t elements = p.batches * positions * p.output_depth;
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

template <const Conv2DInt8Params& p>
constexpr int32_t conv_2d_lean_int8_dsp_scratch_bytes() {
    return 4 * dsp::LeanWindowWords(p);
}

//   p        no groups, at least two output channels
//   packed   see ConvBlockFunction
//   scratch  conv_2d_lean_int8_dsp_scratch_bytes(), 4-byte aligned
//   output   may begin below the input and overlap it: two windows are read before their outputs are written
template <const Conv2DInt8Params& p>
inline void conv_2d_lean_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.output_depth >= 2 && p.filter_depth == p.input_depth);
    dsp::Conv2DLeanInt8(p, dsp::kLeanBlock<(p.activation_min != p.output_offset)>, input, packed,
                        reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
