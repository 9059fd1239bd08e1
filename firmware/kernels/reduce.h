// Reductions over any set of dimensions.
//
// The dimensions are given as up to three loops over those that are kept (the output, dense) and up to three over those
// that are reduced, outermost first, with strides into the input in elements. Elements are read in memory order. The
// output may start where the input does: no element is overwritten before it is read.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"

namespace kerf {

// Params of a kernel that needs no others. Other kernels' params begin with the same fields.
struct ReduceParams {
    int32_t kept_shape[3];
    int32_t kept_strides[3];
    int32_t reduced_shape[3];
    int32_t reduced_strides[3];
};

// For each output element: value = combine(value, element) for all its input elements, beginning with `initial`, then
// output = finish(value).
template <typename Params, typename T, typename Value, typename Combine, typename Finish>
inline void Reduce(const Params& params, const T* input, T* output, Value initial, Combine combine, Finish finish) {
    for (int32_t k0 = 0; k0 < params.kept_shape[0]; ++k0) {
        for (int32_t k1 = 0; k1 < params.kept_shape[1]; ++k1) {
            for (int32_t k2 = 0; k2 < params.kept_shape[2]; ++k2) {
                const T* first =
                    input + k0 * params.kept_strides[0] + k1 * params.kept_strides[1] + k2 * params.kept_strides[2];
                Value value = initial;
                for (int32_t r0 = 0; r0 < params.reduced_shape[0]; ++r0) {
                    for (int32_t r1 = 0; r1 < params.reduced_shape[1]; ++r1) {
                        const T* next = first + r0 * params.reduced_strides[0] + r1 * params.reduced_strides[1];
                        for (int32_t r2 = 0; r2 < params.reduced_shape[2]; ++r2) {
                            value = combine(value, next[r2 * params.reduced_strides[2]]);
                        }
                    }
                }
                *output++ = finish(value);
            }
        }
    }
}

template <typename T, typename Combine>
inline void Reduce(const ReduceParams& params, const T* input, T* output, T initial, Combine combine) {
    Reduce(params, input, output, initial, combine, [](T value) { return value; });
}

// REDUCE_MAX; input and output have the same quantization. NaN is ignored. Must equal TFLM: EvalMinMaxHelper in
// micro/kernels/reduce_common.cc.
template <typename T>
inline void reduce_max(const ReduceParams& params, const T* input, T* output) {
    Reduce(params, input, output, Limits<T>::kLowest, [](T a, T b) { return b > a ? b : a; });
}

// REDUCE_MIN; as above.
template <typename T>
inline void reduce_min(const ReduceParams& params, const T* input, T* output) {
    Reduce(params, input, output, Limits<T>::kHighest, [](T a, T b) { return b < a ? b : a; });
}

// REDUCE_ALL of bool. Must equal TFLM: EvalAllHelper in micro/kernels/reduce_common.cc.
inline void reduce_all(const ReduceParams& params, const bool* input, bool* output) {
    Reduce(params, input, output, true, [](bool a, bool b) { return a && b; });
}

// SUM for float32. For integers see mean.h. Must equal TFLM: EvalSumHelper in
// micro/kernels/reduce_common.cc.
inline void sum_float32(const ReduceParams& params, const float* input, float* output) {
    Reduce(params, input, output, 0.0f, [](float a, float b) { return a + b; });
}

}  // namespace kerf
