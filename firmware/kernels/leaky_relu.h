// LEAKY_RELU: x, or alpha * x for negative x. For int8 see table.h. The output may share the input's memory.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

//   identity_multiplier, …_shift  input scale / output scale
//   alpha_multiplier, …_shift     input scale * |alpha| / output scale
//   alpha_sign                    1 or -1
struct LeakyReluInt16Params {
    int32_t count;
    int32_t identity_multiplier;
    int32_t identity_shift;
    int32_t alpha_multiplier;
    int32_t alpha_shift;
    int32_t alpha_sign;
};

// Must equal TFLM: reference_ops::QuantizeLeakyRelu<int16_t> in reference/leaky_relu.h.
inline void leaky_relu_int16(const LeakyReluInt16Params& params, const int16_t* input, int16_t* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        const int32_t x = input[i];
        const int32_t scaled =
            x >= 0 ? MultiplyByQuantizedMultiplier(x, params.identity_multiplier, params.identity_shift)
                   : params.alpha_sign * MultiplyByQuantizedMultiplier(x, params.alpha_multiplier, params.alpha_shift);
        output[i] = Saturate<int16_t>(scaled);
    }
}

struct LeakyReluFloat32Params {
    int32_t count;
    float alpha;
};

// Must equal TFLM: reference_ops::LeakyRelu in reference/leaky_relu.h.
inline void leaky_relu_float32(const LeakyReluFloat32Params& params, const float* input, float* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = input[i] > 0.0f ? input[i] : input[i] * params.alpha;
}

}  // namespace kerf
