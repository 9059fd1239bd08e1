// FULLY_CONNECTED of int8 for cores with the DSP extension, without scratch. Must equal fully_connected_int8() of
// fully_connected.h with symmetric weights.
//
// Computes four outputs at a time and widens four elements of the input for them, again for each four outputs. The
// weights of two outputs are stored as in conv_2d_dsp.h; the second sums are extracted every kStreamedChunk words, so
// that they fit for any number of weights.
#pragma once

#include <stdint.h>

#include "kernels/dsp.h"
#include "kernels/fully_connected.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kStreamedOutputs = 4;
inline constexpr int32_t kStreamedChunk = 128;  // words whose second sums always fit in 24 bits, and one more

// Words of the input before the last one, which has one to four elements.
constexpr int32_t StreamedWords(const FullyConnectedInt8Params& p) {
    return (p.input_depth - 1) / 4;
}

//   input   `words` words; need not be aligned
//   packed  for every four outputs a … d: biases of b, d, a and c; for each word of the input two words of weights of
//           a and b, for elements (0,2) and (1,3), and two of c and d; zero point of the output; multiplier and power
//           of a, c, b, d; whether more follow (0 or 1)
//   last    the word of the input that follows them
using StreamedBlock = void (*)(const int8_t* input, const int32_t* packed, int8_t* output, int32_t words,
                               uint32_t last);

template <bool kNegatives>
inline void StreamedBlockTwin(const int8_t* input, const int32_t* packed, int8_t* output, int32_t words,
                              uint32_t last) {
    for (bool more = true; more;) {
        uint32_t second[2] = {static_cast<uint32_t>(packed[0]), static_cast<uint32_t>(packed[1])};
        uint32_t first[2] = {static_cast<uint32_t>(packed[2]), static_cast<uint32_t>(packed[3])};
        uint32_t both[2] = {first[0], first[1]};
        const auto extract = [&]() {
            for (int32_t j = 0; j < 2; ++j) {
                second[j] += static_cast<uint32_t>(static_cast<int32_t>(both[j] - first[j]) >> 8);
                both[j] = first[j];
            }
        };
        packed += 4;
        for (int32_t i = 0; i <= words; ++i) {
            if (i < words && (words - i) % kStreamedChunk == 0) extract();
            const uint32_t bytes = i < words ? Load(input + 4 * i) : last;
            for (int32_t j = 0; j < 4; ++j) {
                const uint32_t pair = j % 2 == 0 ? EvenBytes(bytes) : OddBytes(bytes);
                const uint32_t weights = static_cast<uint32_t>(*packed++);
                both[j / 2] = AddProducts(both[j / 2], weights, pair);
                first[j / 2] = AddProducts(first[j / 2], EvenBytes(weights), pair);
            }
        }
        extract();
        const int32_t zero_point = packed[0];
        *output++ = Requantize<kNegatives>(first[0], packed[1], packed[2], zero_point);
        *output++ = Requantize<kNegatives>(second[0], packed[5], packed[6], zero_point);
        *output++ = Requantize<kNegatives>(first[1], packed[3], packed[4], zero_point);
        *output++ = Requantize<kNegatives>(second[1], packed[7], packed[8], zero_point);
        more = packed[9] != 0;
        packed += 10;
    }
}

// r0 input, r1 packed, r2 output, r3-r4 a word of the input and its second pair, r5-r8 weights, r9 and r11 first,
// r10 and r12 both, lr end of the chunk. On the stack: where in the loop to begin, end of the input and of the first
// chunk, second sums, input.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void StreamedBlockAssembly(const int8_t*, const int32_t*, int8_t*, int32_t, uint32_t) {
    asm volatile(R"(
        .macro  kerf_products
        sxtb16  r4, r3, ror #8
        sxtb16  r3, r3
        ldmia   r1!, {r5-r8}
        smlad   r10, r5, r3, r10
        sxtb16  r5, r5
        smlad   r12, r7, r3, r12
        sxtb16  r7, r7
        smlad   r9, r5, r3, r9
        smlad   r10, r6, r4, r10
        sxtb16  r6, r6
        smlad   r11, r7, r3, r11
        smlad   r12, r8, r4, r12
        sxtb16  r8, r8
        smlad   r9, r6, r4, r9
        smlad   r11, r8, r4, r11
        .endm

        .macro  kerf_requantize sum0, sum1, multiplier0, power0, multiplier1, power1, zero_point
        smmlar  \sum0, \sum0, \multiplier0, \sum0
        smmlar  \sum1, \sum1, \multiplier1, \sum1
        .if     %c[negatives]
        add     \sum0, \sum0, \sum0, asr #31
        add     \sum1, \sum1, \sum1, asr #31
        .endif
        smmlsr  \sum0, \sum0, \power0, \zero_point
        smmlsr  \sum1, \sum1, \power1, \zero_point
        ssat    \sum0, #8, \sum0
        ssat    \sum1, #8, \sum1
        .endm

        push    {r0, r4-r11, lr}
        add     r5, r0, r3, lsl #2
        and     r6, r3, #127
        add     r6, r0, r6, lsl #2
        and     r3, r3, #3                  // four words in the loop, which take 64 bytes each
        adr     r4, 4f + 1
        sub     r4, r4, r3, lsl #6
        sub     sp, #8
        push    {r4-r6}

    1:  ldmia   r1!, {r3, r4, r9, r11}
        strd    r3, r4, [sp, #12]
        ldr     r0, [sp, #20]
        ldr     lr, [sp, #8]
        mov     r10, r9
        mov     r12, r11
        ldr     pc, [sp]

        .balign 4
    3:  .rept   4
        ldr     r3, [r0], #4
        kerf_products
        .endr
    4:  cmp     r0, lr
        bne     3b
        ldr     r3, [sp, #4]
        cmp     r0, r3
        beq     5f
        ldrd    r3, r4, [sp, #12]
        sub     r10, r10, r9
        sub     r12, r12, r11
        add     r3, r3, r10, asr #8
        add     r4, r4, r12, asr #8
        strd    r3, r4, [sp, #12]
        mov     r10, r9
        mov     r12, r11
        add     lr, lr, #512
        b       3b

    5:  ldr     r3, [sp, #60]
        kerf_products
        sub     r10, r10, r9
        sub     r12, r12, r11
        ldrd    r0, r3, [sp, #12]
        ldmia   r1!, {r4-r8}
        add     r10, r0, r10, asr #8
        add     r12, r3, r12, asr #8
        kerf_requantize r9, r11, r5, r6, r7, r8, r4
        ldmia   r1!, {r0, r3, r5-r7}
        kerf_requantize r10, r12, r0, r3, r5, r6, r4
        strb    r9, [r2], #1
        strb    r10, [r2], #1
        strb    r11, [r2], #1
        strb    r12, [r2], #1
        cmp     r7, #0
        bne     1b

        add     sp, #24
        pop     {r4-r11, pc}
        .purgem kerf_products
        .purgem kerf_requantize
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

template <bool kNegatives>
inline constexpr StreamedBlock kStreamedBlock =
    kAssembly ? StreamedBlockAssembly<kNegatives> : StreamedBlockTwin<kNegatives>;

inline void FullyConnectedStreamedInt8(const FullyConnectedInt8Params& p, StreamedBlock block, const int8_t* input,
                                       const int32_t* packed, int8_t* output) {
    const int32_t words = StreamedWords(p), rest = p.output_depth % kStreamedOutputs;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        uint32_t last = 0;
        for (int32_t i = p.input_depth - 1; i >= 4 * words; --i) last = last << 8 | static_cast<uint8_t>(input[i]);
        if (p.output_depth >= kStreamedOutputs) block(input, packed, output, words, last);
        output += p.output_depth - rest;
        if (rest != 0) {
            int8_t outputs[kStreamedOutputs];
            block(input, packed + p.output_depth / kStreamedOutputs * (4 * words + 18), outputs, words, last);
            for (int32_t i = 0; i < rest; ++i) *output++ = outputs[i];
        }
        input += p.input_depth;
    }
    const int32_t elements = p.batches * p.output_depth;
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output - elements, elements, p.activation_min, p.activation_max);
    }
}

}  // namespace dsp

template <const FullyConnectedInt8Params& p>
constexpr int32_t fully_connected_streamed_int8_dsp_scratch_bytes() {
    return 0;
}

//   p        filter_offset is 0
//   packed   see StreamedBlock
//   scratch  unused
//   output   must not overlap the input
template <const FullyConnectedInt8Params& p>
inline void fully_connected_streamed_int8_dsp(const int8_t* input, const int32_t* packed, uint8_t*, int8_t* output) {
    static_assert(p.filter_offset == 0);
    dsp::FullyConnectedStreamedInt8(p, dsp::kStreamedBlock<(p.activation_min != p.output_offset)>, input, packed,
                                    output);
}

}  // namespace kerf
