// CUMSUM: running sums along one dimension.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

//   outer, size, inner  input and output are [outer][size][inner], summed along size
//   exclusive           without the element itself
//   reverse             from the last element to the first
struct CumsumFloat32Params {
    int32_t outer;
    int32_t size;
    int32_t inner;
    bool exclusive;
    bool reverse;
};

//   multiplier, shift  2 * input scale / 2^20 / output scale, shift <= 0
struct CumsumInt8Params {
    int32_t outer;
    int32_t size;
    int32_t inner;
    bool exclusive;
    bool reverse;
    int32_t multiplier;
    int32_t shift;
};

// Calls output = finish(sum) for every element.
template <typename Params, typename T, typename Sum, typename Finish>
inline void Cumsum(const Params& params, const T* input, T* output, Sum zero, Finish finish) {
    const int32_t step = params.reverse ? -params.inner : params.inner;
    const int32_t first = params.reverse ? (params.size - 1) * params.inner : 0;
    for (int32_t i = 0; i < params.outer; ++i) {
        for (int32_t j = 0; j < params.inner; ++j) {
            Sum sum = zero;
            int32_t place = i * params.size * params.inner + first + j;
            for (int32_t k = 0; k < params.size; ++k) {
                const Sum before = sum;
                sum += static_cast<Sum>(input[place]);
                output[place] = finish(params.exclusive ? before : sum);
                place += step;
            }
        }
    }
}

// The output may share the input's memory. Must equal TFLM: reference_ops::CumSum in reference/cumsum.h.
inline void cumsum_float32(const CumsumFloat32Params& params, const float* input, float* output) {
    Cumsum(params, input, output, 0.0f, [](float sum) { return sum; });
}

// Zero points are 0. Sums are in Q19, modulo 2^32. The output may share the input's memory. Must equal TFLM: the same.
inline void cumsum_int8(const CumsumInt8Params& params, const int8_t* input, int8_t* output) {
    Cumsum(params, input, output, uint32_t{0}, [&params](uint32_t sum) {
        return Saturate<int8_t>(
            MultiplyByQuantizedMultiplier(static_cast<int32_t>(sum << 19), params.multiplier, params.shift));
    });
}

}  // namespace kerf
