// MAXIMUM and MINIMUM of two tensors with broadcasting, for any type. Operands and output have the same quantization,
// so that the larger integer is the larger number.
//
// The output is dense. It may share the memory of an operand with as many elements.
#pragma once

#include "kernels/broadcast.h"

namespace kerf {

// If either is NaN, the result is the second operand. Must equal TFLM: MaximumOp in micro/kernels/maximum_minimum.h.
template <typename T>
inline void maximum(const BroadcastParams& params, const T* input1, const T* input2, T* output) {
    Broadcast(params, input1, input2, output, [](T a, T b) { return a > b ? a : b; });
}

// If either is NaN, the result is the second operand. Must equal TFLM: MinimumOp in micro/kernels/maximum_minimum.h.
template <typename T>
inline void minimum(const BroadcastParams& params, const T* input1, const T* input2, T* output) {
    Broadcast(params, input1, input2, output, [](T a, T b) { return a < b ? a : b; });
}

}  // namespace kerf
