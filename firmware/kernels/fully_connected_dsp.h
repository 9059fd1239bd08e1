// FULLY_CONNECTED of int8 for cores with the DSP extension. Must equal fully_connected_int8() of fully_connected.h with
// symmetric weights.
//
// Computes two outputs at a time, with their weights stored as in conv_2d_dsp.h; the second sum is extracted every
// kDenseChunk pairs, so that it fits for any number of weights. The input is widened once, into pairs of int16.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/dsp.h"
#include "kernels/fully_connected.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kDenseUnit = 4;     // pairs that are read at once: the input is padded to a multiple
inline constexpr int32_t kDenseChunk = 256;  // pairs of int8 whose second sum always fits in 24 bits

constexpr int32_t DensePairs(int32_t input_depth) {
    return (input_depth + 2 * kDenseUnit - 1) / (2 * kDenseUnit) * kDenseUnit;
}

// Words of scratch that fully_connected_int8_dsp() needs.
constexpr int32_t FullyConnectedInt8ScratchWords(const FullyConnectedInt8Params& p) {
    return DensePairs(p.input_depth);
}

// Widens `length` elements to pairs: (0,2), (1,3), (4,6) …; the rest to (0,1) and (0, anything).
[[gnu::naked, gnu::noinline]] inline uint32_t* WidenAssembly(uint32_t*, const int8_t*, int32_t) {
    asm volatile(R"(
    1:  ldr     r3, [r1], #4
        sxtb16  r12, r3, ror #8
        sxtb16  r3, r3
        subs    r2, #1
        strd    r3, r12, [r0], #8
        bne     1b
        bx      lr
    )");
}

inline void Widen(uint32_t* pairs, const int8_t* elements, int32_t length) {
    const int32_t fours = length / 4;
    if (kAssembly && fours > 0) {
        pairs = WidenAssembly(pairs, elements, fours);
    } else {
        for (int32_t i = 0; i < fours; ++i) {
            *pairs++ = EvenBytes(Load(elements + 4 * i));
            *pairs++ = OddBytes(Load(elements + 4 * i));
        }
    }
    elements += 4 * fours;
    if ((length & 2) != 0) {
        *pairs++ = Pair(elements[0], elements[1]);
        elements += 2;
    }
    if ((length & 1) != 0) *pairs = Pair(elements[0], 0);
}

struct DenseShape {
    int32_t first_chunk, pairs;  // both in pairs; after the first chunk, kChunk at a time
};

//   pairs   [shape.pairs]
//   packed  for every two outputs, as for ConvBlockFunction in conv_2d_dsp.h. If Output is int32_t, the outputs are the
//           sums: bias of the first; shape.pairs words of weights; whether more follow (0 or 1); bias of the second
template <typename Output>
using DenseBlock = void (*)(const uint32_t* pairs, const int32_t* packed, Output* output, const DenseShape& shape);

template <typename Output, bool kNegatives, int32_t kChunk>
inline void DenseBlockTwin(const uint32_t* pairs, const int32_t* packed, Output* output, const DenseShape& shape) {
    for (bool more = true; more;) {
        uint32_t first = static_cast<uint32_t>(*packed++), both = first, second = 0;
        int32_t chunk_end = shape.first_chunk;
        for (int32_t i = 0; i < shape.pairs; ++i) {
            if (i == chunk_end) {
                second += static_cast<uint32_t>(static_cast<int32_t>(both - first) >> 8);
                both = first;
                chunk_end += kChunk;
            }
            const uint32_t weights = static_cast<uint32_t>(*packed++);
            both = AddProducts(both, weights, pairs[i]);
            first = AddProducts(first, EvenBytes(weights), pairs[i]);
        }
        second += static_cast<uint32_t>(static_cast<int32_t>(both - first) >> 8);
        more = packed[0] != 0;
        if constexpr (kIsSame<Output, int32_t>) {
            *output++ = static_cast<int32_t>(first);
            *output++ = static_cast<int32_t>(static_cast<uint32_t>(packed[1]) + second);
            packed += 2;
        } else {
            const uint32_t other = static_cast<uint32_t>(packed[3]) + second;
            *output++ = Requantize<kNegatives>(first, packed[1], packed[2], packed[6]);
            *output++ = Requantize<kNegatives>(other, packed[4], packed[5], packed[6]);
            packed += 7;
        }
    }
}

// r0 pairs, r1 packed, r2 end of the chunk, r3-r6 pairs, r7-r10 weights, r11 first, r12 both, lr second.
template <typename Output, bool kNegatives, int32_t kChunk>
[[gnu::naked, gnu::noinline]] void DenseBlockAssembly(const uint32_t*, const int32_t*, Output*, const DenseShape&) {
    asm volatile(R"(
        .macro  kerf_products pair, weights
        smlad   r12, \weights, \pair, r12
        sxtb16  \weights, \weights
        smlad   r11, \weights, \pair, r11
        .endm

        push    {r2, r4-r11, lr}
        ldrd    r4, r5, [r3]
        add     r5, r0, r5, lsl #2
        add     r3, r0, r4, lsl #2
        lsr     r4, r4, #2                  // where in the loop of four units to begin: they take 56 bytes
        and     r4, r4, #3
        mov     r6, #56
        mul     r4, r4, r6
        adr     r6, 4f + 1
        subs    r4, r6, r4
        push    {r0, r3, r4, r5}

    1:  ldrd    r0, r2, [sp]
        ldr     r11, [r1], #4
        mov     lr, #0
        mov     r12, r11
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
    4:  cmp     r0, r2
        bne     3b
        sub     r12, r12, r11
        add     lr, lr, r12, asr #8
        ldr     r3, [sp, #12]
        cmp     r0, r3
        beq     5f
        mov     r12, r11
        add     r2, r2, #%c[chunk_bytes]
        b       3b

    5:  ldr     r8, [sp, #16]
        .if     %c[sums]
        ldmia   r1!, {r0, r4}
        add     r12, r4, lr
        strd    r11, r12, [r8], #8
        .else
        ldmia   r1!, {r0, r2-r7}
        add     r12, r4, lr
        smmlar  r11, r11, r2, r11
        smmlar  r12, r12, r5, r12
        .if     %c[negatives]
        add     r11, r11, r11, asr #31
        add     r12, r12, r12, asr #31
        .endif
        smmlsr  r11, r11, r3, r7
        smmlsr  r12, r12, r6, r7
        ssat    r11, #8, r11
        ssat    r12, #8, r12
        strb    r11, [r8], #1
        strb    r12, [r8], #1
        .endif
        str     r8, [sp, #16]
        cmp     r0, #0
        bne     1b

        add     sp, #20
        pop     {r4-r11, pc}
        .purgem kerf_products
    )" ::[negatives] "i"(kNegatives),
                 [sums] "i"(kIsSame<Output, int32_t>), [chunk_bytes] "i"(4 * kChunk)
                 : "memory");
}

template <typename Output, bool kNegatives = true, int32_t kChunk = kDenseChunk>
inline constexpr DenseBlock<Output> kDenseBlock =
    kAssembly ? DenseBlockAssembly<Output, kNegatives, kChunk> : DenseBlockTwin<Output, kNegatives, kChunk>;

// For rows of this many elements.
constexpr DenseShape DenseShapeOf(int32_t input_depth, int32_t chunk = kDenseChunk) {
    const int32_t pairs = DensePairs(input_depth);
    return {(pairs - 1) % chunk + 1, pairs};
}

inline void FullyConnectedInt8(const FullyConnectedInt8Params& p, DenseBlock<int8_t> block, const int8_t* input,
                               const int32_t* packed, uint32_t* scratch, int8_t* output) {
    const int32_t pairs = DensePairs(p.input_depth);
    const DenseShape shape = DenseShapeOf(p.input_depth);
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        Widen(scratch, input, p.input_depth);
        if (p.output_depth > 1) block(scratch, packed, output, shape);
        if (p.output_depth % 2 != 0) {
            int8_t last[2];
            block(scratch, packed + p.output_depth / 2 * (pairs + 8), last, shape);
            output[p.output_depth - 1] = last[0];
        }
        input += p.input_depth;
        output += p.output_depth;
    }
    const int32_t elements = p.batches * p.output_depth;
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

template <const FullyConnectedInt8Params& p>
constexpr int32_t fully_connected_int8_dsp_scratch_bytes() {
    return 4 * dsp::FullyConnectedInt8ScratchWords(p);
}

//   p        filter_offset is 0
//   packed   see DenseBlock
//   scratch  fully_connected_int8_dsp_scratch_bytes(), 4-byte aligned
//   output   may begin below the input and overlap it: a row is read before the row of the output is written
template <const FullyConnectedInt8Params& p>
inline void fully_connected_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.filter_offset == 0);
    dsp::FullyConnectedInt8(p, dsp::kDenseBlock<int8_t, (p.activation_min != p.output_offset)>, input, packed,
                            reinterpret_cast<uint32_t*>(scratch), output);
}

}  // namespace kerf
