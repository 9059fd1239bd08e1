// Comparisons of two tensors, and LOGICAL_AND and LOGICAL_OR, with broadcasting.
//
// The output is dense bool. It may share the memory of an operand with as many elements.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/broadcast.h"

namespace kerf {

// Predicate is one of basics.h: Less, LogicalAnd, … Must equal TFLM: ComparisonImpl in
// reference/comparisons.h, LogicalImpl in micro/kernels/logical_common.cc.
template <typename Predicate, typename T>
inline void compare(const BroadcastParams& params, const T* input1, const T* input2, bool* output) {
    Broadcast(params, input1, input2, output, [](T a, T b) { return Predicate()(a, b); });
}

// Both operands are rescaled to the scale 1/256 and compared there:
//   input1_offset, input2_offset  the negated zero points, -127 … 128
//   …_multiplier, …_shift         their scales, see MultiplyByQuantizedMultiplier, shift <= 0
// Must equal TFLM: ComparisonWithScaling in reference/comparisons.h.
struct CompareInt8Params {
    int32_t shape[5];  // see broadcast.h
    int32_t strides1[5];
    int32_t strides2[5];
    int32_t input1_offset;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t input2_offset;
    int32_t input2_multiplier;
    int32_t input2_shift;
};

template <typename Predicate>
inline void compare_int8(const CompareInt8Params& params, const int8_t* input1, const int8_t* input2, bool* output) {
    BroadcastRescaled<8>(params, input1, input2, output, Predicate());
}

}  // namespace kerf
