// RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1 as operators of their own (fused ones are part of the kernels that
// compute). Every output may share its input's memory.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

//   input_zero_point        -128 … 127, subtracted; 0 for int16
//   multiplier, shift       input scale / output scale
//   output_zero_point       -128 … 127, added; 0 for int16
//   output_min, output_max  the bounds in the output's quantization, within its type
struct ReluInt8Params {
    int32_t count;
    int32_t input_zero_point;
    int32_t multiplier;
    int32_t shift;
    int32_t output_zero_point;
    int32_t output_min;
    int32_t output_max;
};

using ReluInt16Params = ReluInt8Params;

// From one quantization to another. RELU must equal TFLM: ReluQuantized in micro/kernels/activations.h. TFLM's RELU6
// does not rescale, and TFLM lacks the others, so these must equal LiteRT's reference: ReluX in reference_ops.h.
template <typename T>
inline void ReluInteger(const ReluInt8Params& params, const T* input, T* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        const int32_t scaled =
            MultiplyByQuantizedMultiplier(input[i] - params.input_zero_point, params.multiplier, params.shift);
        output[i] = static_cast<T>(Clamp(scaled + params.output_zero_point, params.output_min, params.output_max));
    }
}

inline void relu_int8(const ReluInt8Params& params, const int8_t* input, int8_t* output) {
    ReluInteger(params, input, output);
}

inline void relu_int16(const ReluInt16Params& params, const int16_t* input, int16_t* output) {
    ReluInteger(params, input, output);
}

struct ClampInt8Params {
    int32_t count;
    int32_t output_min;
    int32_t output_max;
};

using ClampInt16Params = ClampInt8Params;

// Within one quantization. Must equal TFLM: ReluQuantized with input scale / output scale = 1, and Relu6Quantized in
// micro/kernels/activations.h; for the others LiteRT, as above.
template <typename T>
inline void ClampInteger(const ClampInt8Params& params, const T* input, T* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        output[i] = static_cast<T>(Clamp(input[i], params.output_min, params.output_max));
    }
}

inline void clamp_int8(const ClampInt8Params& params, const int8_t* input, int8_t* output) {
    ClampInteger(params, input, output);
}

inline void clamp_int16(const ClampInt16Params& params, const int16_t* input, int16_t* output) {
    ClampInteger(params, input, output);
}

struct ReluFloat32Params {
    int32_t count;
};

// Must equal TFLM: ReluFloat in micro/kernels/activations_common.cc, NaN and -0 included.
inline void relu_float32(const ReluFloat32Params& params, const float* input, float* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = input[i] < 0.0f ? 0.0f : input[i];
}

struct ClampFloat32Params {
    int32_t count;
    float output_min;
    float output_max;
};

// Must equal TFLM: Relu6Float in micro/kernels/activations_common.cc, and for the others LiteRT's reference; NaN and -0
// included.
inline void clamp_float32(const ClampFloat32Params& params, const float* input, float* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = Clamp(input[i], params.output_min, params.output_max);
}

}  // namespace kerf
