// FULLY_CONNECTED of int16 with int8 weights for cores with the DSP extension. Must equal fully_connected_int16() of
// fully_connected.h with a 64-bit bias or none.
//
// Computes two outputs at a time, as in fully_connected_dsp.h, but the sum for both has 64 bits (SMLALD), so that the
// second one need not fit in 24. Each of the two sums must fit in 32 bits: see conv_2d_int16_dsp.h, also for the
// rescaling. In the kernel for wide sums, both have 64 bits and must stay below 2^33, so that the product with a
// multiplier below 2^30 fits as well.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/dsp.h"
#include "kernels/fully_connected_dsp.h"

namespace kerf {

namespace dsp {

// Whether rows can be read where they are, because they are whole units; others are copied to pad them.
constexpr bool ReadsRow(int32_t input_depth) {
    return input_depth % (2 * kDenseUnit) == 0;
}

// Words of scratch that fully_connected_int16_dsp() needs.
constexpr int32_t FullyConnectedInt16ScratchWords(const FullyConnectedInt16Params& p) {
    return ReadsRow(p.input_depth) ? 0 : DensePairs(p.input_depth);
}

//   pairs   [count], a multiple of kDenseUnit
//   packed  for every two outputs: bias of the first; `count` words of weights as in conv_2d_dsp.h; whether more follow
//           (0 or 1); multiplier m * 2^(32-r) of the first; bias and multiplier of the second
using DenseBlockInt16 = void (*)(const void* pairs, const int32_t* packed, int16_t* output, int32_t count);

inline int64_t AddWideProducts(int64_t sum, uint32_t pair1, uint32_t pair2) {
    return sum + static_cast<int64_t>(Low(pair1)) * Low(pair2) + static_cast<int64_t>(High(pair1)) * High(pair2);
}

template <bool kRelu, bool kWide>
inline void DenseBlockInt16Twin(const void* row, const int32_t* packed, int16_t* output, int32_t count) {
    constexpr int64_t kLowest = kRelu ? 0 : -32768, kHighest = 32767;
    const auto* const pairs = static_cast<const int8_t*>(row);
    for (bool more = true; more; packed += 4) {
        int64_t first = *packed++, both = first;
        for (int32_t i = 0; i < count; ++i) {
            const uint32_t weights = static_cast<uint32_t>(*packed++);
            both = AddWideProducts(both, weights, Load(pairs + 4 * i));
            first = AddWideProducts(first, EvenBytes(weights), Load(pairs + 4 * i));
        }
        const int64_t second = packed[2] + ((both - first) >> 8);
        more = packed[0] != 0;
        const int64_t sums[] = {first, second};
        for (int32_t i = 0; i < 2; ++i) {
            const int64_t value = (sums[i] * packed[2 * i + 1] + (int64_t{1} << 31)) >> 32;
            *output++ = static_cast<int16_t>(Min(Max(value, kLowest), kHighest));
        }
    }
}

// r0 pairs, r1 packed, r3-r6 pairs, r7-r10 weights, r11 first, r12 and lr both; r2 end of pairs or, for wide sums, the
// upper half of the first.
template <bool kRelu, bool kWide>
[[gnu::naked, gnu::noinline]] void DenseBlockInt16Assembly(const void*, const int32_t*, int16_t*, int32_t) {
    asm volatile(R"(
        .macro  kerf_products pair, weights
        smlald  r12, lr, \weights, \pair
        sxtb16  \weights, \weights
        .if     %c[wide]
        smlald  r11, r2, \weights, \pair
        .else
        smlad   r11, \weights, \pair, r11
        .endif
        .endm

        .macro  kerf_saturate sum
        .if     %c[relu]
        usat    \sum, #15, \sum
        .else
        ssat    \sum, #16, \sum
        .endif
        .endm

        .macro  kerf_rescale low, high, multiplier
        umull   r5, r6, \low, \multiplier
        adds    r5, r5, #0x80000000
        adc     r6, r6, #0
        mla     \low, \high, \multiplier, r6
        .endm

        push    {r2, r4-r11, lr}
        add     r5, r0, r3, lsl #2
        lsr     r4, r3, #2                  // where in the loop of four units to begin: they take 56 bytes
        and     r4, r4, #3
        mov     r6, #56
        mul     r4, r4, r6
        adr     r6, 4f + 1
        subs    r6, r6, r4
        push    {r0, r5, r6}

    1:  ldrd    r0, r2, [sp]
        ldr     r11, [r1], #4
        asr     lr, r11, #31
        mov     r12, r11
        .if     %c[wide]
        mov     r2, lr
        .endif
        ldr     pc, [sp, #8]

        .balign 4
    3:  .rept   4
        ldmia.w r0!, {r3-r6}
        ldmia   r1!, {r7-r10}
        kerf_products r3, r7
        kerf_products r4, r8
        kerf_products r5, r9
        kerf_products r6, r10
        .endr
        .if     %c[wide]
    4:  ldr     r3, [sp, #4]
        cmp     r0, r3
        bne     3b
        subs    r12, r12, r11
        sbc     lr, lr, r2
        ldmia   r1!, {r0, r7-r9}            // more, multiplier, bias, multiplier
        lsr     r12, r12, #8
        orr     r12, r12, lr, lsl #24
        asr     lr, lr, #8
        adds    r12, r12, r8
        adc     lr, lr, r8, asr #31
        kerf_rescale r11, r2, r7
        kerf_rescale r12, lr, r9
        .else
    4:  cmp     r0, r2
        bne     3b
        subs    r12, r12, r11
        sbc     lr, lr, r11, asr #31
        ldmia   r1!, {r0, r2-r4}            // more, multiplier, bias, multiplier
        lsr     r12, r12, #8
        orr     r12, r12, lr, lsl #24
        add     r12, r3
        smmulr  r11, r11, r2
        smmulr  r12, r12, r4
        .endif
        ldr     r5, [sp, #12]
        kerf_saturate r11
        kerf_saturate r12
        strh    r11, [r5], #2
        strh    r12, [r5], #2
        str     r5, [sp, #12]
        cmp     r0, #0
        bne     1b

        add     sp, #16
        pop     {r4-r11, pc}
        .purgem kerf_products
        .purgem kerf_saturate
        .purgem kerf_rescale
    )" ::[relu] "i"(kRelu),
                 [wide] "i"(kWide)
                 : "memory");
}

template <bool kRelu, bool kWide>
inline constexpr DenseBlockInt16 kDenseBlockInt16 =
    kAssembly ? DenseBlockInt16Assembly<kRelu, kWide> : DenseBlockInt16Twin<kRelu, kWide>;

inline void FullyConnectedInt16(const FullyConnectedInt16Params& p, DenseBlockInt16 block, const int16_t* input,
                                const int32_t* packed, uint32_t* scratch, int16_t* output) {
    const int32_t pairs = DensePairs(p.input_depth);
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const void* row = scratch;
        if (FullyConnectedInt16ScratchWords(p) == 0) {
            row = input;
        } else {
            memset(scratch, 0, 4 * static_cast<size_t>(pairs));
            memcpy(scratch, input, 2 * static_cast<size_t>(p.input_depth));
        }
        if (p.output_depth > 1) block(row, packed, output, pairs);
        if (p.output_depth % 2 != 0) {
            int16_t last[2];
            block(row, packed + p.output_depth / 2 * (pairs + 5), last, pairs);
            output[p.output_depth - 1] = last[0];
        }
        input += p.input_depth;
        output += p.output_depth;
    }
    const int32_t elements = p.batches * p.output_depth;
    if (NarrowerThanInt16(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

template <const FullyConnectedInt16Params& p>
constexpr int32_t fully_connected_int16_dsp_scratch_bytes() {
    return 4 * dsp::FullyConnectedInt16ScratchWords(p);
}

//   input    4-byte aligned
//   packed   see DenseBlockInt16
//   scratch  fully_connected_int16_dsp_scratch_bytes(), 4-byte aligned
//   output   may begin below the input and overlap it, as long as every input row lies beyond its own output
template <const FullyConnectedInt16Params& p>
inline void fully_connected_int16_dsp(const int16_t* input, const int32_t* packed, uint8_t* scratch, int16_t* output) {
    dsp::FullyConnectedInt16(p, dsp::kDenseBlockInt16<p.activation_min == 0, false>, input, packed,
                             reinterpret_cast<uint32_t*>(scratch), output);
}

// The same for wide sums.
template <const FullyConnectedInt16Params& p>
constexpr int32_t fully_connected_int16_wide_dsp_scratch_bytes() {
    return fully_connected_int16_dsp_scratch_bytes<p>();
}

template <const FullyConnectedInt16Params& p>
inline void fully_connected_int16_wide_dsp(const int16_t* input, const int32_t* packed, uint8_t* scratch,
                                           int16_t* output) {
    dsp::FullyConnectedInt16(p, dsp::kDenseBlockInt16<p.activation_min == 0, true>, input, packed,
                             reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
