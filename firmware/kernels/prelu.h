// PRELU: x, or alpha * x for negative x, where alpha is a tensor that is broadcast.
//
// The output is dense. It may share the input's memory.
#pragma once

#include <stdint.h>

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

//   input_offset, alpha_offset    the negated zero points, -127 … 128
//   identity_multiplier, …_shift  input scale / output scale
//   alpha_multiplier, …_shift     input scale * alpha scale / output scale
//   output_offset                 the zero point, -128 … 127
// Must equal TFLM: reference_ops::BroadcastPrelu4DSlow in reference/prelu.h.
struct PreluInt8Params {
    int32_t shape[5];  // see broadcast.h; alpha is the second operand
    int32_t strides1[5];
    int32_t strides2[5];
    int32_t input_offset;
    int32_t alpha_offset;
    int32_t identity_multiplier;
    int32_t identity_shift;
    int32_t alpha_multiplier;
    int32_t alpha_shift;
    int32_t output_offset;
};

using PreluInt16Params = PreluInt8Params;

template <typename T>
inline void PreluInteger(const PreluInt8Params& params, const T* input, const int8_t* alpha, T* output) {
    Broadcast(params, input, alpha, output, [&params](T element, int8_t slope) {
        const int32_t x = element + params.input_offset;
        const int32_t scaled = x >= 0
                                   ? MultiplyByQuantizedMultiplier(x, params.identity_multiplier, params.identity_shift)
                                   : MultiplyByQuantizedMultiplier(x * (slope + params.alpha_offset),
                                                                   params.alpha_multiplier, params.alpha_shift);
        return Saturate<T>(scaled + params.output_offset);
    });
}

inline void prelu_int8(const PreluInt8Params& params, const int8_t* input, const int8_t* alpha, int8_t* output) {
    PreluInteger(params, input, alpha, output);
}

// alpha is int8.
inline void prelu_int16(const PreluInt16Params& params, const int16_t* input, const int8_t* alpha, int16_t* output) {
    PreluInteger(params, input, alpha, output);
}

// Must equal TFLM: BroadcastPrelu4DSlowFloat in micro/kernels/prelu_common.cc.
inline void prelu_float32(const BroadcastParams& params, const float* input, const float* alpha, float* output) {
    Broadcast(params, input, alpha, output, [](float x, float slope) { return x >= 0.0f ? x : x * slope; });
}

}  // namespace kerf
