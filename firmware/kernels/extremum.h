// MAXIMUM and MINIMUM of two tensors with broadcasting, for any type. Integers have the same quantization everywhere,
// so that the larger integer is the larger number.
//
// The output is dense. It may share its memory with an operand that has as many elements.
#pragma once

#include "kernels/broadcast.h"

namespace kerf {

// Must equal TFLM: MaximumOp in micro/kernels/maximum_minimum.h; of a NaN and a number, the second operand.
template <typename T>
inline void maximum(const BroadcastParams& params, const T* input1, const T* input2, T* output) {
    Broadcast(params, input1, input2, output, [](T a, T b) { return a > b ? a : b; });
}

// Must equal TFLM: MinimumOp in micro/kernels/maximum_minimum.h; of a NaN and a number, the second operand.
template <typename T>
inline void minimum(const BroadcastParams& params, const T* input1, const T* input2, T* output) {
    Broadcast(params, input1, input2, output, [](T a, T b) { return a < b ? a : b; });
}

}  // namespace kerf
