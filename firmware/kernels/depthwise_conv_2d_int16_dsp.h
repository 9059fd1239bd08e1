// DEPTHWISE_CONV_2D of int16 with int8 weights for cores with the DSP extension. Must equal depthwise_conv_2d_int16()
// of depthwise_conv_2d.h with a 64-bit bias or none.
//
// The loops over the image are those of depthwise_conv_2d_blocked.h. A word holds two neighbouring channels of a pixel,
// as a word of weights holds two channels of a tap: SMLABB adds the product of the first, SMLATT that of the second.
// The limits of the sums and the rescaling are those of conv_2d_int16_dsp.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/depthwise_conv_2d_blocked.h"
#include "kernels/dsp.h"

namespace kerf {

namespace dsp {

// The windows of neighbouring output columns in the rows of a 3x3 filter.
struct Rows3x3 {
    const int16_t* rows[3];
    int16_t* output;
    int32_t last;   // bytes from the first channel to the last pair of channels
    int32_t pixel;  // bytes of a pixel
};

// r0 packed, r1-r3 weights of a row, r4-r6 sums of the first channel, r7-r9 of the second, r10 pixel, r11 bytes of a
// pixel, r12 pixels of the row, lr bytes from the first channel.
template <bool kRelu, int32_t kStride, int32_t kColumns>
[[gnu::naked, gnu::noinline]] void Depthwise3x3Int16(const int32_t*, const Rows3x3&) {
    asm volatile(R"(
        .macro  kerf_product column, weights
        .if     \column == 0
        smlabb  r4, r10, \weights, r4
        smlatt  r7, r10, \weights, r7
        .elseif \column == 1
        smlabb  r5, r10, \weights, r5
        smlatt  r8, r10, \weights, r8
        .elseif %c[columns] == 3
        smlabb  r6, r10, \weights, r6
        smlatt  r9, r10, \weights, r9
        .endif
        .endm

        .macro  kerf_rescale sum, multiplier
        smmulr  \sum, \sum, \multiplier
        .if     %c[relu]
        usat    \sum, #15, \sum
        .else
        ssat    \sum, #16, \sum
        .endif
        .endm

        push    {r4-r11, lr}
        ldmia   r1, {r1-r5, r11}
        push    {r1-r5}
        movs    lr, #0
    1:  ldrd    r4, r7, [r0], #8
        mov     r5, r4
        mov     r8, r7
        .if     %c[columns] == 3
        mov     r6, r4
        mov     r9, r7
        .endif

        .irp    row, 0, 4, 8
        ldr     r12, [sp, #\row]
        ldmia   r0!, {r1-r3}
        add     r12, lr
        ldr     r10, [r12]
        kerf_product 0, r1
        ldr     r10, [r12, r11]
        kerf_product 0, r2
        .if     %c[stride] == 1
        kerf_product 1, r1
        .endif
        ldr     r10, [r12, r11, lsl #1]
        kerf_product 0, r3
        add     r12, r12, r11, lsl #1
        .if     %c[stride] == 1
        kerf_product 1, r2
        kerf_product 2, r1
        ldr     r10, [r12, r11]
        kerf_product 1, r3
        kerf_product 2, r2
        .if     %c[columns] == 3
        ldr     r10, [r12, r11, lsl #1]
        kerf_product 2, r3
        .endif
        .else
        kerf_product 1, r1
        ldr     r10, [r12, r11]
        kerf_product 1, r2
        ldr     r10, [r12, r11, lsl #1]
        kerf_product 1, r3
        .if     %c[columns] == 3
        add     r12, r12, r11, lsl #1
        kerf_product 2, r1
        ldr     r10, [r12, r11]
        kerf_product 2, r2
        ldr     r10, [r12, r11, lsl #1]
        kerf_product 2, r3
        .endif
        .endif
        .endr

        ldrd    r1, r2, [r0], #8
        ldr     r12, [sp, #12]
        kerf_rescale r4, r1
        kerf_rescale r7, r2
        kerf_rescale r5, r1
        kerf_rescale r8, r2
        add     r12, lr
        pkhbt   r4, r4, r7, lsl #16
        pkhbt   r5, r5, r8, lsl #16
        str     r4, [r12]
        str     r5, [r12, r11]
        .if     %c[columns] == 3
        kerf_rescale r6, r1
        kerf_rescale r9, r2
        pkhbt   r6, r6, r9, lsl #16
        str     r6, [r12, r11, lsl #1]
        .endif
        ldr     r1, [sp, #16]
        add     lr, #4
        cmp     lr, r1
        ble     1b
        sub     lr, #2                      // an odd number of channels ends with the last two
        cmp     lr, r1
        beq     1b

        add     sp, #20
        pop     {r4-r11, pc}
        .purgem kerf_product
        .purgem kerf_rescale
    )" ::[relu] "i"(kRelu),
                 [stride] "i"(kStride), [columns] "i"(kColumns)
                 : "memory");
}

// See blocked::DepthwiseBlock. The last two channels of an odd number are a pair: one of them is computed twice.
//   packed  for every two channels: both biases; a word of weights per tap; both multipliers m * 2^(32-r)
template <typename To, int32_t kFilter, int32_t kStride>
struct DepthwiseInt16Block {
    using Element = int16_t;
    using Rows = blocked::RingRowsOf<int16_t>;

    static int32_t Compute(const DepthwiseConv2DInt8Params& p, const Rows& rows, int32_t x, int32_t left,
                           const int32_t* packed, int16_t* output) {
        if (left == 2 || left == 4) return Columns<2>(p, rows, x, packed, output);
        return left == 1 ? Columns<1>(p, rows, x, packed, output) : Columns<3>(p, rows, x, packed, output);
    }

    template <int32_t kColumns>
    [[gnu::noinline]] static int32_t Columns(const DepthwiseConv2DInt8Params& p, const Rows& rows, int32_t x,
                                             const int32_t* packed, int16_t* output) {
        if constexpr (kAssembly && kFilter != 0) {
            const int16_t* const second = rows.Next(rows.first);
            const Rows3x3 windows = {{rows.first + x, second + x, rows.Next(second) + x},
                                     output,
                                     2 * (p.input_depth - 2),
                                     2 * p.input_depth};
            Depthwise3x3Int16<To::kIsRelu, kStride, kColumns>(packed, windows);
            return kColumns;
        }
        const int32_t depth = p.input_depth, tap_step = p.dilation_width * depth, column_step = p.stride_width * depth;
        for (int32_t channel = 0; channel < depth; channel += 2) {
            const int32_t first = Min(channel, depth - 2);
            uint32_t sums[2][kColumns];
#pragma GCC unroll 3
            for (int32_t i = 0; i < kColumns; ++i) {
                sums[0][i] = static_cast<uint32_t>(packed[0]);
                sums[1][i] = static_cast<uint32_t>(packed[1]);
            }
            packed += 2;
            const int16_t* row = rows.first;
            for (int32_t y = 0; y < p.filter_height; ++y, row = rows.Next(row)) {
                const int16_t* window = row + x + first;
                for (int32_t tap = 0; tap < p.filter_width; ++tap, window += tap_step) {
                    const auto weights = static_cast<uint32_t>(*packed++);
                    const int16_t* pixel = window;
#pragma GCC unroll 3
                    for (int32_t i = 0; i < kColumns; ++i, pixel += column_step) {
                        const uint32_t both = Load(pixel);
                        sums[0][i] = AddLowProduct(sums[0][i], both, weights);
                        sums[1][i] = AddUpperProduct(sums[1][i], both, weights);
                    }
                }
            }
            int16_t* pixel = output + first;
#pragma GCC unroll 3
            for (int32_t i = 0; i < kColumns; ++i, pixel += depth) {
                const uint32_t both = Pair(To::Finish(sums[0][i], packed - 1), To::Finish(sums[1][i], packed));
                memcpy(pixel, &both, sizeof(both));
            }
            packed += 2;
        }
        return kColumns;
    }
};

}  // namespace dsp

template <const DepthwiseConv2DInt16Params& p>
constexpr int32_t depthwise_conv_2d_int16_dsp_scratch_bytes() {
    return 4 * blocked::DepthwiseScratchWords(blocked::WalkOf(p), 2);
}

//   p        depth_multiplier is 1, at least two channels
//   packed   see dsp::DepthwiseInt16Block
//   scratch  depthwise_conv_2d_int16_dsp_scratch_bytes(), 4-byte aligned
//   output   as for depthwise_conv_2d_int16_blocked()
template <const DepthwiseConv2DInt16Params& p>
inline void depthwise_conv_2d_int16_dsp(const int16_t* input, const int32_t* packed, uint8_t* scratch,
                                        int16_t* output) {
    static_assert(p.depth_multiplier == 1 && p.input_depth >= 2);
    static constexpr DepthwiseConv2DInt8Params kWalk = blocked::WalkOf(p);
    blocked::DepthwiseConv2D<blocked::ToInt16<p.activation_min == 0>, dsp::DepthwiseInt16Block>(kWalk, input, packed,
                                                                                                scratch, output);
}

}  // namespace kerf
