// FULLY_CONNECTED of floats with int8 weights for cores with the DSP extension. Must equal fully_connected_hybrid() and
// fully_connected_hybrid_symmetric() of fully_connected.h.
//
// A row is quantized to pairs of int16, without its zero point, and multiplied as in fully_connected_dsp.h. The sums
// are stored where the output will be, and then turned into floats.
#pragma once

#include <float.h>
#include <stdint.h>

#include "kernels/dsp.h"
#include "kernels/fully_connected.h"
#include "kernels/fully_connected_dsp.h"
#include "kernels/hybrid.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kHybridChunk = 128;  // pairs of -255 … 255 whose second sum always fits in 24 bits

// Writes the same order of pairs as Widen(); `rounded` is that of WithRounding().
template <typename Rounded>
inline void QuantizeToPairs(const float* values, int32_t count, int32_t zero_point, uint32_t* pairs, Rounded rounded) {
    const uint32_t zero = Pair(zero_point, zero_point), offset = Pair(2 * zero_point + 1, 2 * zero_point + 1);
    const auto quantized = [=](float low, float high) {
        return SubtractPairs(SaturatePairToInt8(HalveSums(Pair(rounded(low), rounded(high)), offset)), zero);
    };
    for (; count >= 4; count -= 4, values += 4) {
        *pairs++ = quantized(values[0], values[2]);
        *pairs++ = quantized(values[1], values[3]);
    }
    if ((count & 2) != 0) {
        *pairs++ = quantized(values[0], values[1]);
        values += 2;
    }
    if ((count & 1) != 0) *pairs = quantized(values[0], values[0]);
}

// Turns sums into outputs, in place; `constants` are the scale and the bias of each channel.
using ToFloats = void (*)(float* outputs, int32_t count, const int32_t* constants, float row_scale, float low,
                          float high);

inline void ToFloatsTwin(float* outputs, int32_t count, const int32_t* constants, float row_scale, float low,
                         float high) {
    for (int32_t i = 0; i < count; ++i, constants += 2) {
        const float sum = static_cast<float>(static_cast<int32_t>(Load(outputs + i)));
        const float real = sum * (internal::FloatOf(Load(constants)) * row_scale);
        outputs[i] = Clamp(real + internal::FloatOf(Load(constants + 1)), low, high);
    }
}

#if defined(__ARM_FP) && defined(__ARM_FEATURE_DSP)
// Four at a time. A limit that is the largest float (kLow or kHigh is false) only matters for infinities: instead of
// comparing with it, 0 * output is added up, which is 0 unless an output is infinite or not a number.
template <bool kLow, bool kHigh>
[[gnu::noinline]] void ToFloatsAssembly(float* outputs, int32_t count, const int32_t* constants, float row_scale,
                                        float low, float high) {
    float* const first = outputs;
    float zeros = 0.0f;
    int32_t fours = count / 4;
    if (fours != 0) {
        asm volatile(R"(
            .macro    kerf_limit value
            .if       %c[has_low]
            vcmp.f32  \value, %[low]
            vmrs      APSR_nzcv, fpscr
            it        mi
            vmovmi    \value, %[low]
            .endif
            .if       %c[has_high]
            vcmp.f32  %[high], \value
            vmrs      APSR_nzcv, fpscr
            it        mi
            vmovmi    \value, %[high]
            .endif
            .if       !(%c[has_low] && %c[has_high])
            vmla.f32  %[zeros], \value, %[zero]
            .endif
            .endm

        1:  vldmia    %[outputs], {s0-s3}
            vldmia    %[constants]!, {s4-s11}
            vcvt.f32.s32  s0, s0
            vcvt.f32.s32  s1, s1
            vcvt.f32.s32  s2, s2
            vcvt.f32.s32  s3, s3
            vmul.f32  s4, s4, %[row_scale]
            vmul.f32  s6, s6, %[row_scale]
            vmul.f32  s8, s8, %[row_scale]
            vmul.f32  s10, s10, %[row_scale]
            vmul.f32  s0, s0, s4
            vmul.f32  s1, s1, s6
            vmul.f32  s2, s2, s8
            vmul.f32  s3, s3, s10
            vadd.f32  s0, s0, s5
            vadd.f32  s1, s1, s7
            vadd.f32  s2, s2, s9
            vadd.f32  s3, s3, s11
            kerf_limit s0
            kerf_limit s1
            kerf_limit s2
            kerf_limit s3
            vstmia    %[outputs]!, {s0-s3}
            subs      %[fours], #1
            bne       1b
            .purgem   kerf_limit
        )"
                     : [outputs] "+r"(outputs), [constants] "+r"(constants), [fours] "+r"(fours), [zeros] "+t"(zeros)
                     : [row_scale] "t"(row_scale), [low] "t"(low), [high] "t"(high), [zero] "t"(0.0f),
                       [has_low] "i"(kLow), [has_high] "i"(kHigh)
                     : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "memory", "cc");
    }
    if (zeros != 0.0f) {
        for (float* output = first; output < outputs; ++output) *output = Clamp(*output, low, high);
    }
    ToFloatsTwin(outputs, count % 4, constants, row_scale, low, high);
}

template <bool kLow, bool kHigh>
inline constexpr ToFloats kToFloats = ToFloatsAssembly<kLow, kHigh>;
#else
template <bool kLow, bool kHigh>
inline constexpr ToFloats kToFloats = ToFloatsTwin;
#endif

template <typename Scheme>
inline void FullyConnectedHybrid(const FullyConnectedFloat32Params& p, ToFloats to_floats, const float* input,
                                 const int32_t* packed, uint32_t* scratch, float* output) {
    constexpr DenseBlock<int32_t> kBlock = kDenseBlock<int32_t, true, kHybridChunk>;
    const DenseShape shape = DenseShapeOf(p.input_depth, kHybridChunk);
    const int32_t couple = shape.pairs + 3, couples = (p.output_depth + 1) / 2;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        const RowQuantization row = Scheme::Of(input, p.input_depth);
        internal::WithRounding(
            row, [&](auto rounded) { QuantizeToPairs(input, p.input_depth, row.zero_point, scratch, rounded); });
        int32_t* const sums = reinterpret_cast<int32_t*>(output);
        if (p.output_depth > 1) kBlock(scratch, packed, sums, shape);
        if (p.output_depth % 2 != 0) {
            int32_t last[2];
            kBlock(scratch, packed + (couples - 1) * couple, last, shape);
            sums[p.output_depth - 1] = last[0];
        }
        to_floats(output, p.output_depth, packed + couples * couple, row.scale, p.activation_min, p.activation_max);
        input += p.input_depth;
        output += p.output_depth;
    }
}

template <const FullyConnectedFloat32Params& p>
inline constexpr ToFloats kToFloatsFor = kToFloats<p.activation_min != -FLT_MAX, p.activation_max != FLT_MAX>;

}  // namespace dsp

template <const FullyConnectedFloat32Params& p>
constexpr int32_t fully_connected_hybrid_dsp_scratch_bytes() {
    return 4 * dsp::DensePairs(p.input_depth);
}

//   packed   for every two channels, as DenseBlock reads them for sums; then scale and bias of each channel, as floats
//   scratch  …_scratch_bytes(), 4-byte aligned
//   output   may begin below the input and overlap it: a row is read before the row of the output is written
template <const FullyConnectedFloat32Params& p>
inline void fully_connected_hybrid_dsp(const float* input, const int32_t* packed, uint8_t* scratch, float* output) {
    dsp::FullyConnectedHybrid<Asymmetric>(p, dsp::kToFloatsFor<p>, input, packed, reinterpret_cast<uint32_t*>(scratch),
                                          output);
}

template <const FullyConnectedFloat32Params& p>
constexpr int32_t fully_connected_hybrid_symmetric_dsp_scratch_bytes() {
    return fully_connected_hybrid_dsp_scratch_bytes<p>();
}

template <const FullyConnectedFloat32Params& p>
inline void fully_connected_hybrid_symmetric_dsp(const float* input, const int32_t* packed, uint8_t* scratch,
                                                 float* output) {
    dsp::FullyConnectedHybrid<Symmetric>(p, dsp::kToFloatsFor<p>, input, packed, reinterpret_cast<uint32_t*>(scratch),
                                         output);
}

}  // namespace kerf
