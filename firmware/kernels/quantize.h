// QUANTIZE and DEQUANTIZE: conversion between real numbers and integers, and from one quantization to another.
// real = scale * (quantized - zero_point). An output no wider than its input may start where the input does.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

struct QuantizeParams {
    int32_t count;
    float scale;
    int32_t zero_point;
};

// Rounds to nearest, ties away from zero, and saturates. Must equal TFLM: AffineQuantize in reference/quantize.h, whose
// result is undefined where |input / scale| passes 2^31; here it saturates there too, and a NaN becomes the lowest
// value.
template <typename T>
inline void Quantize(const QuantizeParams& params, const float* input, T* output) {
    const float lowest = static_cast<float>(Limits<T>::kLowest - params.zero_point);
    const float highest = static_cast<float>(Limits<T>::kHighest - params.zero_point);
    for (int32_t i = 0; i < params.count; ++i) {
        float steps = roundf(input[i] / params.scale);
        steps = steps > lowest ? steps : lowest;
        steps = steps < highest ? steps : highest;
        output[i] = static_cast<T>(static_cast<int32_t>(steps) + params.zero_point);
    }
}

inline void quantize_int8(const QuantizeParams& params, const float* input, int8_t* output) {
    Quantize(params, input, output);
}

inline void quantize_int16(const QuantizeParams& params, const float* input, int16_t* output) {
    Quantize(params, input, output);
}

//   multiplier, shift  input scale / output scale
struct RequantizeParams {
    int32_t count;
    int32_t input_zero_point;
    int32_t multiplier;
    int32_t shift;
    int32_t output_zero_point;
};

// Differences of 32-bit integers wrap around, as TFLM's do in practice.
// Must equal TFLM: Requantize in reference/requantize.h; its shortcut between int8 and uint8 gives the same numbers.
template <typename Input, typename Output>
inline void requantize(const RequantizeParams& params, const Input* input, Output* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        const uint32_t difference = static_cast<uint32_t>(input[i]) - static_cast<uint32_t>(params.input_zero_point);
        const int32_t scaled =
            MultiplyByQuantizedMultiplier(static_cast<int32_t>(difference), params.multiplier, params.shift);
        const uint32_t moved = static_cast<uint32_t>(scaled) + static_cast<uint32_t>(params.output_zero_point);
        output[i] =
            static_cast<Output>(Clamp(static_cast<int32_t>(moved), Limits<Output>::kLowest, Limits<Output>::kHighest));
    }
}

// The product of a 24-bit scale and a difference of at most 17 bits is rounded once, exactly like TFLM's, which
// multiplies in double. Must equal TFLM: Dequantize in reference/dequantize.h.
template <typename T>
inline void Dequantize(const QuantizeParams& params, const T* input, float* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        output[i] = params.scale * static_cast<float>(input[i] - params.zero_point);
    }
}

inline void dequantize_int8(const QuantizeParams& params, const int8_t* input, float* output) {
    Dequantize(params, input, output);
}

inline void dequantize_uint8(const QuantizeParams& params, const uint8_t* input, float* output) {
    Dequantize(params, input, output);
}

inline void dequantize_int16(const QuantizeParams& params, const int16_t* input, float* output) {
    Dequantize(params, input, output);
}

}  // namespace kerf
