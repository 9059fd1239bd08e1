// ADD of two int8 tensors of the same shape for cores with the DSP extension. Must equal add_int8() of add.h.
//
// The common scale is twice the larger one, so the operand with the larger scale only needs a shift.
#pragma once

#include <stdint.h>

#include "kernels/dsp.h"

namespace kerf {

//   count                    elements
//   coarse_offset            of the operand with the larger scale: its negated zero point * 2^19
//   fine_offset              of the other operand: its negated zero point * 2^20
//   …_multiplier, …_power    see dsp.h; for the fine operand, 0 and -2^31 if the scales are equal
//   output_min, output_max   the fused activation, within int8
struct AddInt8DspParams {
    int32_t count;
    int32_t coarse_offset, fine_offset;
    int32_t fine_multiplier, fine_power;
    int32_t output_multiplier, output_power, output_zero_point;
    int32_t output_min, output_max;
};

namespace dsp {

template <bool kNegatives>
inline void AddElements(const AddInt8DspParams& p, const int8_t* coarse, const int8_t* fine, int8_t* output,
                        int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
        const int32_t wide = p.fine_offset + fine[i] * (1 << 20);
        int32_t scaled = AddHighProduct(wide, wide, p.fine_multiplier);
        scaled += scaled >> 31;
        const int32_t sum = SubtractHighProduct(p.coarse_offset, scaled, p.fine_power) + coarse[i] * (1 << 19);
        output[i] = Requantize<kNegatives>(static_cast<uint32_t>(sum), p.output_multiplier, p.output_power,
                                           p.output_zero_point);
    }
}

// The same for 4 * fours elements, fours >= 1. Registers: r0 coarse, r1 fine, r2 output, r3 a coarse element, r4-r10
// the parameters in their order, r11 and r12 four elements, lr their sums.
template <bool kNegatives>
[[gnu::naked, gnu::noinline]] void AddFours(const AddInt8DspParams&, const int8_t*, const int8_t*, int8_t*, int32_t) {
    asm volatile(R"(
        .macro  kerf_add rotation
        sxtb    lr, r12, ror #\rotation
        add     lr, r5, lr, lsl #20
        smmlar  lr, lr, r6, lr
        add     lr, lr, lr, asr #31
        smmlsr  lr, lr, r7, r4
        sxtb    r3, r11, ror #\rotation
        add     lr, lr, r3, lsl #19
        smmlar  lr, lr, r8, lr
        .if     %c[negatives]
        add     lr, lr, lr, asr #31
        .endif
        smmlsr  lr, lr, r9, r10
        ssat    lr, #8, lr
        strb    lr, [r2], #1
        .endm

        push    {r4-r11, lr}
        ldr     r12, [sp, #36]
        add     r12, r3, r12, lsl #2
        str     r12, [sp, #36]              // end of the output
        add     r12, r0, #4
        mov     r0, r1
        mov     r1, r2
        mov     r2, r3
        ldmia   r12, {r4-r10}
    1:  ldr     r11, [r0], #4
        ldr     r12, [r1], #4
        kerf_add 0
        kerf_add 8
        kerf_add 16
        kerf_add 24
        ldr     r3, [sp, #36]
        cmp     r2, r3
        bne     1b
        pop     {r4-r11, pc}
        .purgem kerf_add
    )" ::[negatives] "i"(kNegatives)
                 : "memory");
}

template <bool kNegatives>
inline void AddInt8(const AddInt8DspParams& p, const int8_t* coarse, const int8_t* fine, int8_t* output) {
    int32_t done = 0;
    if constexpr (kAssembly) {
        done = p.count / 4 * 4;
        if (done > 0) AddFours<kNegatives>(p, coarse, fine, output, p.count / 4);
    }
    AddElements<kNegatives>(p, coarse + done, fine + done, output + done, p.count - done);
    if (NarrowerThanInt8(p.output_min, p.output_max)) ClampAll(output, p.count, p.output_min, p.output_max);
}

}  // namespace dsp

// The output may share its memory with either operand.
template <const AddInt8DspParams& p>
inline void add_int8_dsp(const int8_t* coarse, const int8_t* fine, int8_t* output) {
    dsp::AddInt8<(p.output_min != p.output_zero_point)>(p, coarse, fine, output);
}

}  // namespace kerf
