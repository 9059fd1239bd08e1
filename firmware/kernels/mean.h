// MEAN over any set of dimensions.
//
// The dimensions are given as up to three loops over those that are kept (the output, dense) and up to three over those
// that are reduced, outermost first, with strides into the input in elements. Elements are summed in memory order. The
// output may start where the input does: no element is overwritten before it is read.
#pragma once

#include <cstdint>

#include "kernels/fixed_point.h"

namespace kerf {

//   zero_point_sum     count of reduced elements * input zero point, subtracted from a sum; below 2^30
//   multiplier, shift  input scale / output scale / count
//   output_zero_point  -128 … 127, added
// Must equal TFLM: QuantizedMeanOrSum<int8_t, int32_t> and <int16_t, int32_t> in reference/reduce.h.
struct MeanInt8Params {
    int32_t kept_shape[3];
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

// Calls output = finish(sum) for every element of the output.
template <typename Sum, typename Params, typename T, typename Finish>
inline void Mean(const Params& params, const T* input, T* output, Finish finish) {
    for (int32_t k0 = 0; k0 < params.kept_shape[0]; ++k0) {
        for (int32_t k1 = 0; k1 < params.kept_shape[1]; ++k1) {
            for (int32_t k2 = 0; k2 < params.kept_shape[2]; ++k2) {
                const T* first =
                    input + k0 * params.kept_strides[0] + k1 * params.kept_strides[1] + k2 * params.kept_strides[2];
                Sum sum = 0;
                for (int32_t r0 = 0; r0 < params.reduced_shape[0]; ++r0) {
                    for (int32_t r1 = 0; r1 < params.reduced_shape[1]; ++r1) {
                        const T* next = first + r0 * params.reduced_strides[0] + r1 * params.reduced_strides[1];
                        for (int32_t r2 = 0; r2 < params.reduced_shape[2]; ++r2) {
                            sum += next[r2 * params.reduced_strides[2]];
                        }
                    }
                }
                *output++ = finish(sum);
            }
        }
    }
}

template <typename T>
inline void MeanInteger(const MeanInt8Params& params, const T* input, T* output) {
    Mean<int32_t>(params, input, output, [&params](int32_t sum) {
        const int32_t mean =
            MultiplyByQuantizedMultiplier(sum - params.zero_point_sum, params.multiplier, params.shift);
        return Saturate<T>(mean + params.output_zero_point);
    });
}

inline void mean_int8(const MeanInt8Params& params, const int8_t* input, int8_t* output) {
    MeanInteger(params, input, output);
}

inline void mean_int16(const MeanInt16Params& params, const int16_t* input, int16_t* output) {
    MeanInteger(params, input, output);
}

inline void mean_float32(const MeanFloat32Params& params, const float* input, float* output) {
    Mean<float>(params, input, output, [&params](float sum) { return sum / static_cast<float>(params.count); });
}

}  // namespace kerf
