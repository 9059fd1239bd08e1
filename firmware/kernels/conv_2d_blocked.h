// CONV_2D of int8 for cores without an extension: blocks of three positions and two channels. Must equal conv_2d_int8()
// of conv_2d.h.
//
// The loops are those of conv_2d_dsp.h. The windows of three positions are interleaved into one run of int32, once for
// all channels, so that a tap takes one load for all three (LDM), one for each channel's weight, and six
// multiplications. The sums exclude the input offset: it is folded into the bias, and padding is the zero point.
//
// Requantization. With a right shift n, 1 <= n <= 22, and a multiplier m of 2^30 … 2^31-1,
//
//     x = (2am + 2^31) >> 32                  SaturatingRoundingDoublingHighMul(a, m)
//     u = x + (x >> 31)                       ties of negative numbers are rounded away from zero
//     y = (u + 2^(n-1) + zero point * 2^n) >> n
//
// Finally, y is saturated to int8. No step can overflow if |a| < 2^30. If the smallest output is the zero point (a
// fused RELU), a negative x gives that output however it is rounded, so the second line can be omitted.
#pragma once

#include <stdint.h>

#include "kernels/conv_2d_dsp.h"
#include "kernels/fixed_point.h"

namespace kerf {

namespace blocked {

using dsp::kPositions;

// Taps of a window.
constexpr int32_t Taps(const Conv2DInt8Params& p) {
    return p.filter_height * p.filter_width * p.input_depth;
}

constexpr dsp::ConvSizes SizesOf(const Conv2DInt8Params& p) {
    return dsp::SizesOf(p, Taps(p), kPositions * Taps(p), (Taps(p) + 1) / 2 + 9, 1);
}

// Writes the elements of three windows, row by row. Returns the end of what it has written.
inline uint32_t* InterleaveTwin(uint32_t* elements, const int8_t* const* windows, const dsp::Rows& rows) {
    const int8_t* from[kPositions] = {windows[0], windows[1], windows[2]};
    for (int32_t row = 0; row < rows.count; ++row) {
        for (int32_t i = 4 * rows.words + rows.rest; i > 0; --i) {
            for (int32_t j = 0; j < kPositions; ++j) *elements++ = static_cast<uint32_t>(int32_t{*from[j]++});
        }
        for (const int8_t*& element : from) {
            element += rows.step;
            if (element >= rows.end) element -= rows.back;
        }
    }
    return elements;
}

#if (defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1) || (defined(__riscv) && !defined(__riscv_mul))
inline constexpr bool kLongMultiply = false;  // a 64-bit product takes a library call
#else
inline constexpr bool kLongMultiply = true;
#endif

// Turns a sum into an output: see the top. `multiplier` is 2m - 2^32, `addend` 2^(n-1) + zero point * 2^n.
template <bool kNegatives>
inline int8_t Requantize(uint32_t sum, int32_t multiplier, int32_t addend, int32_t shift) {
    const auto a = static_cast<int32_t>(sum);
    int32_t x = kLongMultiply ? dsp::AddHighProduct(a, a, multiplier)
                              : NarrowHighMul(a, static_cast<uint32_t>(multiplier) >> 1);
    if constexpr (kNegatives) x += x >> 31;
    return static_cast<int8_t>(dsp::SaturateToInt8((x + addend) >> shift));
}

// Adds the products of `count` taps to the sums of two channels at three positions each.
//   elements   [count][3], from Interleave
//   weights    [count][2], at an even address
inline void AddTapsTwin(const uint32_t* elements, const int8_t* weights, int32_t count, uint32_t* sums) {
    uint32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3], sum4 = sums[4], sum5 = sums[5];
    for (const uint32_t* const end = elements + kPositions * count; elements != end; elements += kPositions) {
        const auto weight0 = static_cast<uint32_t>(int32_t{*weights++});
        const auto weight1 = static_cast<uint32_t>(int32_t{*weights++});
        sum0 += weight0 * elements[0];
        sum1 += weight0 * elements[1];
        sum2 += weight0 * elements[2];
        sum3 += weight1 * elements[0];
        sum4 += weight1 * elements[1];
        sum5 += weight1 * elements[2];
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3, sums[4] = sum4, sums[5] = sum5;
}

#if defined(__ARM_ARCH_ISA_THUMB) && __ARM_ARCH_ISA_THUMB == 1

// r0 elements, r1 weights, r2-r4 elements of the positions, r5 and r7 weights, r6 product, r8-r12 and lr sums. The
// stack: end of the elements, sums.
[[gnu::naked, gnu::noinline]] inline void AddTaps(const uint32_t*, const int8_t*, int32_t, uint32_t*) {
    asm volatile(R"(
        .syntax unified
        .macro  kerf_tap offset
        ldrh    r5, [r1, #\offset]
        ldmia   r0!, {r2-r4}
        sxtb    r7, r5
        sxth    r5, r5
        asrs    r5, r5, #8
        movs    r6, r2
        muls    r6, r7, r6
        add     r8, r6
        movs    r6, r3
        muls    r6, r7, r6
        add     r9, r6
        movs    r6, r4
        muls    r6, r7, r6
        add     r10, r6
        muls    r2, r5, r2
        add     r11, r2
        muls    r3, r5, r3
        add     r12, r3
        muls    r4, r5, r4
        add     lr, r4
        .endm

        push    {r4-r7, lr}
        mov     r4, r8
        mov     r5, r9
        mov     r6, r10
        mov     r7, r11
        push    {r3-r7}
        movs    r4, #12
        muls    r4, r2, r4
        adds    r4, r4, r0
        lsrs    r5, r2, #2                  // end of the taps beyond whole fours
        movs    r6, #48
        muls    r5, r6, r5
        subs    r5, r4, r5
        push    {r4, r5}
        ldmia   r3!, {r4-r7}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        mov     r11, r7
        ldmia   r3!, {r4, r5}
        mov     r12, r4
        mov     lr, r5
        b       2f
    1:  kerf_tap 0
        adds    r1, #2
    2:  ldr     r6, [sp, #4]
        cmp     r0, r6
        bne     1b
        b       4f
    3:  kerf_tap 0
        kerf_tap 2
        kerf_tap 4
        kerf_tap 6
        adds    r1, #8
    4:  ldr     r6, [sp]
        cmp     r0, r6
        bne     3b
        ldr     r0, [sp, #8]
        mov     r4, r8
        mov     r5, r9
        mov     r6, r10
        mov     r7, r11
        stmia   r0!, {r4-r7}
        mov     r4, r12
        mov     r5, lr
        stmia   r0!, {r4, r5}
        add     sp, #12
        pop     {r4-r7}
        mov     r8, r4
        mov     r9, r5
        mov     r10, r6
        mov     r11, r7
        pop     {r4-r7, pc}
        .purgem kerf_tap
    )");
}

#else

inline void AddTaps(const uint32_t* elements, const int8_t* weights, int32_t count, uint32_t* sums) {
    AddTapsTwin(elements, weights, count, sums);
}

#endif

// Computes all channels of three positions, as in conv_2d_dsp.h.
//   elements   as for AddTaps
//   packed     for every two channels: both biases; `count` pairs of weights as bytes, padded to whole words; for each
//              of the two, 2m - 2^32, 2^(n-1) + zero point * 2^n and n; whether more channels follow (0 or 1)
template <bool kNegatives>
inline void ConvBlockTwin(const uint32_t* elements, const int32_t* packed, int32_t count, int8_t* output0,
                          int8_t* output1, int8_t* output2) {
    int8_t* outputs[kPositions] = {output0, output1, output2};
    for (bool more = true; more; packed += 7) {
        const uint32_t first = static_cast<uint32_t>(packed[0]), second = static_cast<uint32_t>(packed[1]);
        uint32_t sums[] = {first, first, first, second, second, second};
        AddTaps(elements, reinterpret_cast<const int8_t*>(packed + 2), count, sums);
        packed += 2 + (count + 1) / 2;
        more = packed[6] != 0;
        for (int32_t j = 0; j < kPositions; ++j) {
            *outputs[j]++ = Requantize<kNegatives>(sums[j], packed[0], packed[1], packed[2]);
            *outputs[j]++ = Requantize<kNegatives>(sums[kPositions + j], packed[3], packed[4], packed[5]);
        }
    }
}

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && __ARM_ARCH_ISA_THUMB == 2

// r0 elements, r1-r3 windows, r4-r9 elements to be stored, r10 rows left, r11 step, r12 end, lr words left.
[[gnu::naked, gnu::noinline]] inline uint32_t* Interleave(uint32_t*, const int8_t* const*, const dsp::Rows&) {
    asm volatile(R"(
        push    {r4-r11, lr}
        ldmia   r2, {r8-r12}                // words, rest, count, step, end
        ldr     r7, [r2, #20]
        push    {r7-r9}
        ldmia   r1, {r1-r3}
    1:  ldr     lr, [sp, #4]
        cmp     lr, #0
        beq     3f
    2:  .rept   2
        ldrsb   r4, [r1], #1
        ldrsb   r5, [r2], #1
        ldrsb   r6, [r3], #1
        ldrsb   r7, [r1], #1
        ldrsb   r8, [r2], #1
        ldrsb   r9, [r3], #1
        stmia   r0!, {r4-r9}
        .endr
        subs    lr, #1
        bne     2b
    3:  ldr     r7, [sp, #8]
        cbz     r7, 5f
    4:  ldrsb   r4, [r1], #1
        ldrsb   r5, [r2], #1
        ldrsb   r6, [r3], #1
        subs    r7, #1
        stmia   r0!, {r4-r6}
        bne     4b
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

// r0 elements, r1 packed, r2 end of elements, r3-r5 elements of the positions, r6-r7 weights, r8-r10 sums of the first
// channel, r11-r12-lr of the second.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void ConvBlock(const uint32_t*, const int32_t*, int32_t, int8_t*, int8_t*, int8_t*) {
    asm volatile(R"(
        .macro  kerf_requantize sum
        mov     r5, #0x80000000
        mov     r6, \sum
        smlal   r5, r6, \sum, r2
        .if     %c[negatives]
        add     r6, r6, r6, asr #31
        .endif
        add     r6, r6, r3
        asr     r6, r6, r4
        ssat    \sum, #8, r6
        .endm

        push    {r3-r11, lr}
        and     r4, r2, #3                  // where to enter the loop of four taps, each of 34 bytes
        movs    r5, #34
        mul     r4, r4, r5
        adr     r5, 4f + 1
        subs    r5, r5, r4
        add     r2, r2, r2, lsl #1
        add     r2, r0, r2, lsl #2
        push    {r0, r2, r5}

    1:  ldrd    r0, r2, [sp]
        ldrd    r8, r11, [r1], #8
        mov     r9, r8
        mov     r10, r8
        mov     r12, r11
        mov     lr, r11
        ldr     pc, [sp, #8]

        .balign 4
    3:  .rept   4
        ldmia   r0!, {r3-r5}
        ldrsb   r6, [r1], #1
        ldrsb   r7, [r1], #1
        mla     r8, r6, r3, r8
        mla     r9, r6, r4, r9
        mla     r10, r6, r5, r10
        mla     r11, r7, r3, r11
        mla     r12, r7, r4, r12
        mla     lr, r7, r5, lr
        .endr
        .balign 4
    4:  cmp     r0, r2
        bne     3b

        add     r1, r1, #3
        bic     r1, r1, #3
        ldmia   r1!, {r2-r4}
        kerf_requantize r8
        kerf_requantize r9
        kerf_requantize r10
        ldmia   r1!, {r2-r4}
        kerf_requantize r11
        kerf_requantize r12
        kerf_requantize lr
        ldr     r4, [r1], #4
        ldr     r0, [sp, #12]
        ldrd    r2, r3, [sp, #52]
        strb    r8, [r0], #1
        strb    r9, [r2], #1
        strb    r10, [r3], #1
        strb    r11, [r0], #1
        strb    r12, [r2], #1
        strb    lr, [r3], #1
        str     r0, [sp, #12]
        strd    r2, r3, [sp, #52]
        cmp     r4, #0
        bne     1b

        add     sp, #16
        pop     {r4-r11, pc}
        .purgem kerf_requantize
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

template <bool kNegatives>
inline constexpr dsp::ConvElements kConv = {1, Interleave, ConvBlock<kNegatives>};

#else

template <bool kNegatives>
inline constexpr dsp::ConvElements kConv = {1, InterleaveTwin, ConvBlockTwin<kNegatives>};

#endif

}  // namespace blocked

template <const Conv2DInt8Params& p>
constexpr int32_t conv_2d_int8_blocked_scratch_bytes() {
    return 4 * (blocked::SizesOf(p).window_words + dsp::RowsWords(p, 1));
}

//   p        no groups, at least two output channels
//   packed   see ConvBlockTwin
//   scratch  conv_2d_int8_blocked_scratch_bytes(), 4-byte aligned
//   output   as for conv_2d_int8_dsp()
template <const Conv2DInt8Params& p>
inline void conv_2d_int8_blocked(const int8_t* input, const int32_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.output_depth >= 2 && p.filter_depth == p.input_depth);
    static constexpr Conv2DInt8Params kFlattened = Flattened(p);
    static constexpr dsp::ConvSizes kSizes = blocked::SizesOf(kFlattened);
    dsp::Conv2DInt8(kFlattened, blocked::kConv<(p.activation_min != p.output_offset)>, kSizes, input, packed,
                    reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
