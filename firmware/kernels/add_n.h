// ADD_N: elementwise sum of several tensors of one shape and quantization.
//
// The output may share an input's memory.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

struct AddNFloat32Params {
    int32_t count;
};

// Must equal TFLM: reference_ops::AddN in reference/add_n.h.
template <typename... Inputs>
inline void add_n_float32(const AddNFloat32Params& params, float* output, const Inputs*... inputs) {
    const float* const sources[] = {inputs...};
    for (int32_t i = 0; i < params.count; ++i) {
        float sum = 0.0f;
        for (const float* source : sources) sum += source[i];
        output[i] = sum;
    }
}

//   multiplier, shift  2 * input scale / 2^20 / output scale, shift <= 0
struct AddNInt8Params {
    int32_t count;
    int32_t multiplier;
    int32_t shift;
};

// At most 31 inputs, so that their sum in Q19 fits in 32 bits. Zero points are 0. Must equal TFLM: the same.
template <typename... Inputs>
inline void add_n_int8(const AddNInt8Params& params, int8_t* output, const Inputs*... inputs) {
    const int8_t* const sources[] = {inputs...};
    for (int32_t i = 0; i < params.count; ++i) {
        int32_t sum = 0;
        for (const int8_t* source : sources) sum += source[i];
        output[i] = Saturate<int8_t>(MultiplyByQuantizedMultiplier(sum * (1 << 19), params.multiplier, params.shift));
    }
}

}  // namespace kerf
