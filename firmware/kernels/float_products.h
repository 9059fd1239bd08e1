// Sums of products of floats: specializes the functions of window.h for a Cortex-M with an FPU.
//
// VMLA rounds the product and then the sum, as two instructions would, so the results are the same as on every other
// core. (GCC does not use it, because it treats VMLA as a fused operation, which VFMA is.) VLDM loads consecutive
// elements with one instruction.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/window.h"

namespace kerf {

struct FloatProduct {
    float operator()(float in, float weight) const { return in * weight; }
};

// Turns a sum into an output: adds the bias and clamps.
template <typename Bias>
struct FloatFinish {
    Bias bias;
    bool has_bias;
    float low, high;

    float operator()(float sum, int32_t channel) const {
        return Clamp(sum + (has_bias ? bias[channel] : 0.0f), low, high);
    }
};

#if defined(__ARM_FP) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

inline float AddProduct(float sum, float in, float weight, FloatProduct) {
    asm("vmla.f32 %0, %1, %2" : "+t"(sum) : "t"(in), "t"(weight));
    return sum;
}

template <>
inline constexpr int32_t kChannelsTogether<const float*, FloatProduct> = 8;

// Adds the products of a window to the sums of eight consecutive channels, row by row.
inline void AddWindowOfEach(float (&sums)[8], const float* input, const float* filter, const Window& window,
                            FloatProduct) {
    if (window.rows <= 0 || window.columns <= 0) return;
    const int32_t element = static_cast<int32_t>(sizeof(float));
    int32_t rows = window.rows, columns;
    asm volatile(R"(
    0:  mov       %[columns], %[width]
    1:  vldmia    %[in], {s0-s7}
        vldmia    %[weights], {s8-s15}
        add       %[in], %[in_step]
        add       %[weights], %[weights_step]
        subs      %[columns], #1
        vmla.f32  %0, s0, s8
        vmla.f32  %1, s1, s9
        vmla.f32  %2, s2, s10
        vmla.f32  %3, s3, s11
        vmla.f32  %4, s4, s12
        vmla.f32  %5, s5, s13
        vmla.f32  %6, s6, s14
        vmla.f32  %7, s7, s15
        bne       1b
        subs      %[rows], #1
        add       %[in], %[in_skip]
        add       %[weights], %[weights_skip]
        bne       0b
    )"
                 : "+t"(sums[0]), "+t"(sums[1]), "+t"(sums[2]), "+t"(sums[3]), "+t"(sums[4]), "+t"(sums[5]),
                   "+t"(sums[6]),
                   "+t"(sums[7]), [in] "+r"(input), [weights] "+r"(filter), [rows] "+r"(rows), [columns] "=&r"(columns)
                 : [width] "r"(window.columns), [in_step] "r"(window.input_step * element),
                   [weights_step] "r"(window.filter_step * element),
                   [in_skip] "r"((window.input_row_step - window.columns * window.input_step) * element),
                   [weights_skip] "r"((window.filter_row_step - window.columns * window.filter_step) * element)
                 : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
                   "memory", "cc");
}

// Adds `runs` >= 1 runs of products to each sum: eight elements at a time for two filters each, then four, then one.
// Not inlined, because it takes all registers.
[[gnu::noinline]] inline void AddRunsOfRowToFour(float (&sums)[4], const float* input, const float* filter,
                                                 int32_t filter_step, int32_t runs, int32_t length, int32_t run_step,
                                                 int32_t filter_run_step) {
    const float* filter1 = filter + filter_step;
    const float* filter2 = filter1 + filter_step;
    const float* filter3 = filter2 + filter_step;
    const int32_t element = static_cast<int32_t>(sizeof(float));
    int32_t count;
    asm volatile(R"(
        .macro    kerf_four sum_a, sum_b, x0, x1, x2, x3, a0, a1, a2, a3, b0, b1, b2, b3
        vmla.f32  \sum_a, \x0, \a0
        vmla.f32  \sum_b, \x0, \b0
        vmla.f32  \sum_a, \x1, \a1
        vmla.f32  \sum_b, \x1, \b1
        vmla.f32  \sum_a, \x2, \a2
        vmla.f32  \sum_b, \x2, \b2
        vmla.f32  \sum_a, \x3, \a3
        vmla.f32  \sum_b, \x3, \b3
        .endm

    0:  subs      %[count], %[length], #8
        bmi       2f
    1:  vldmia    %[in]!, {s0-s7}
        vldmia    %[f0]!, {s8-s15}
        vldmia    %[f1]!, {s16-s23}
        kerf_four %0, %1, s0, s1, s2, s3, s8, s9, s10, s11, s16, s17, s18, s19
        kerf_four %0, %1, s4, s5, s6, s7, s12, s13, s14, s15, s20, s21, s22, s23
        vldmia    %[f2]!, {s8-s15}
        vldmia    %[f3]!, {s16-s23}
        kerf_four %2, %3, s0, s1, s2, s3, s8, s9, s10, s11, s16, s17, s18, s19
        kerf_four %2, %3, s4, s5, s6, s7, s12, s13, s14, s15, s20, s21, s22, s23
        subs      %[count], #8
        bpl       1b
    2:  adds      %[count], #4
        bmi       3f
        vldmia    %[in]!, {s0-s3}
        vldmia    %[f0]!, {s4-s7}
        vldmia    %[f1]!, {s8-s11}
        vldmia    %[f2]!, {s12-s15}
        vldmia    %[f3]!, {s16-s19}
        kerf_four %0, %1, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11
        kerf_four %2, %3, s0, s1, s2, s3, s12, s13, s14, s15, s16, s17, s18, s19
        subs      %[count], #4
    3:  adds      %[count], #4
        beq       5f
    4:  vldmia    %[in]!, {s0}
        vldmia    %[f0]!, {s1}
        vldmia    %[f1]!, {s2}
        vldmia    %[f2]!, {s3}
        vldmia    %[f3]!, {s4}
        subs      %[count], #1
        vmla.f32  %0, s0, s1
        vmla.f32  %1, s0, s2
        vmla.f32  %2, s0, s3
        vmla.f32  %3, s0, s4
        bne       4b
    5:  subs      %[left], #1
        add       %[in], %[in_skip]
        add       %[f0], %[filter_skip]
        add       %[f1], %[filter_skip]
        add       %[f2], %[filter_skip]
        add       %[f3], %[filter_skip]
        bne       0b
        .purgem   kerf_four
    )"
                 : "+t"(sums[0]), "+t"(sums[1]), "+t"(sums[2]), "+t"(sums[3]), [in] "+r"(input), [f0] "+r"(filter),
                   [f1] "+r"(filter1), [f2] "+r"(filter2), [f3] "+r"(filter3), [left] "+r"(runs), [count] "=&r"(count)
                 : [length] "r"(length), [in_skip] "r"((run_step - length) * element),
                   [filter_skip] "r"((filter_run_step - length) * element)
                 : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15",
                   "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "memory", "cc");
}

inline void AddRunsToFour(float (&sums)[4], const float* input, const float* filter, int32_t filter_step,
                          const Runs& runs, FloatProduct) {
    if (runs.rows <= 0 || runs.count <= 0 || runs.length <= 0) return;
    if (runs.count == 1) {
        AddRunsOfRowToFour(sums, input, filter, filter_step, runs.rows, runs.length, runs.input_row_step,
                           runs.filter_row_step);
        return;
    }
    for (int32_t row = 0; row < runs.rows; ++row) {
        AddRunsOfRowToFour(sums, input + row * runs.input_row_step, filter + row * runs.filter_row_step, filter_step,
                           runs.count, runs.length, runs.input_step, runs.filter_step);
    }
}

inline void AddProductsToFour(float (&sums)[4], const float* input, const float* filter, int32_t filter_step,
                              int32_t count, FloatProduct) {
    AddRunsOfRowToFour(sums, input, filter, filter_step, 1, count, count, count);
}

// FloatFinish for four sums with four biases; returns the end of the output.
inline float* FinishFour(float sum0, float sum1, float sum2, float sum3, const float* bias, float* output, float low,
                         float high) {
    asm volatile(R"(
        .macro    kerf_limit value
        vcmp.f32  \value, %[low]
        vmrs      APSR_nzcv, FPSCR
        it        mi
        vmovmi    \value, %[low]
        vcmp.f32  %[high], \value
        vmrs      APSR_nzcv, FPSCR
        it        mi
        vmovmi    \value, %[high]
        .endm

        vldmia    %[bias], {s0-s3}
        vadd.f32  s0, s0, %[sum0]
        vadd.f32  s1, s1, %[sum1]
        vadd.f32  s2, s2, %[sum2]
        vadd.f32  s3, s3, %[sum3]
        kerf_limit s0
        kerf_limit s1
        kerf_limit s2
        kerf_limit s3
        vstmia    %[output]!, {s0-s3}
        .purgem   kerf_limit
    )"
                 : [output] "+r"(output)
                 : [sum0] "t"(sum0), [sum1] "t"(sum1), [sum2] "t"(sum2), [sum3] "t"(sum3), [bias] "r"(bias),
                   [low] "t"(low), [high] "t"(high)
                 : "s0", "s1", "s2", "s3", "memory", "cc");
    return output;
}

inline float* FinishEach(const float (&sums)[4], int32_t channel, float* output,
                         const FloatFinish<const float*>& finish) {
    static constexpr float kNoBias[4] = {};
    const float* const bias = finish.has_bias ? finish.bias + channel : kNoBias;
    return FinishFour(sums[0], sums[1], sums[2], sums[3], bias, output, finish.low, finish.high);
}

inline float* FinishEach(const float (&sums)[8], int32_t channel, float* output,
                         const FloatFinish<const float*>& finish) {
    output = FinishEach({sums[0], sums[1], sums[2], sums[3]}, channel, output, finish);
    return FinishEach({sums[4], sums[5], sums[6], sums[7]}, channel + 4, output, finish);
}

#endif

}  // namespace kerf
