// MEAN over any set of dimensions, and SUM for integers. See reduce.h for how the dimensions are given.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/reduce.h"

namespace kerf {

//   zero_point_sum     count of reduced elements * input zero point, subtracted from a sum; below 2^30
//   multiplier, shift  input scale / output scale / count; for SUM without / count
//   output_zero_point  -128 … 127, added
// Must equal TFLM: QuantizedMeanOrSum<int8_t, int32_t> and <int16_t, int32_t> in reference/reduce.h.
struct MeanInt8Params {
    int32_t kept_shape[3];  // see reduce.h
    int32_t kept_strides[3];
    int32_t reduced_shape[3];
    int32_t reduced_strides[3];
    int32_t zero_point_sum;
    int32_t multiplier;
    int32_t shift;
    int32_t output_zero_point;
};

using MeanInt16Params = MeanInt8Params;

// Must equal TFLM: both reference_ops::Mean in reference/reduce.h, which only differ in the order of outputs.
struct MeanFloat32Params {
    int32_t kept_shape[3];
    int32_t kept_strides[3];
    int32_t reduced_shape[3];
    int32_t reduced_strides[3];
    int32_t count;
};

template <typename T>
inline void MeanInteger(const MeanInt8Params& params, const T* input, T* output) {
    const auto finish = [&params](int32_t sum) {
        const int32_t mean =
            MultiplyByQuantizedMultiplier(sum - params.zero_point_sum, params.multiplier, params.shift);
        return Saturate<T>(mean + params.output_zero_point);
    };
    Reduce(params, input, output, int32_t{0}, [](int32_t sum, T element) { return sum + element; }, finish);
}

inline void mean_int8(const MeanInt8Params& params, const int8_t* input, int8_t* output) {
    MeanInteger(params, input, output);
}

inline void mean_int16(const MeanInt16Params& params, const int16_t* input, int16_t* output) {
    MeanInteger(params, input, output);
}

inline void mean_float32(const MeanFloat32Params& params, const float* input, float* output) {
    const auto finish = [&params](float sum) { return sum / static_cast<float>(params.count); };
    Reduce(params, input, output, 0.0f, [](float sum, float element) { return sum + element; }, finish);
}

}  // namespace kerf
