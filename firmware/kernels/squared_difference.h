// SQUARED_DIFFERENCE: (a - b)² of two tensors, with broadcasting.
//
// The output is dense. It may share the memory of an operand with as many elements.
#pragma once

#include <stdint.h>

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

// Both operands are rescaled to a common scale, twice the larger of the two, and subtracted in Q7 (int16: Q0):
//   input1_offset, input2_offset  the negated zero points, -127 … 128
//   …_multiplier, …_shift         see MultiplyByQuantizedMultiplier, shift <= 0
//   output_offset                 the zero point, -128 … 127
// Must equal TFLM: SquaredDifference in micro/kernels/squared_difference.cc.
struct SquaredDifferenceInt8Params {
    int32_t shape[5];  // see broadcast.h
    int32_t strides1[5];
    int32_t strides2[5];
    int32_t input1_offset;
    int32_t input1_multiplier;
    int32_t input1_shift;
    int32_t input2_offset;
    int32_t input2_multiplier;
    int32_t input2_shift;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
};

using SquaredDifferenceInt16Params = SquaredDifferenceInt8Params;

template <int kBits, typename T>
inline void SquaredDifferenceInteger(const SquaredDifferenceInt8Params& params, const T* input1, const T* input2,
                                     T* output) {
    BroadcastRescaled<kBits>(params, input1, input2, output, [&params](int32_t a, int32_t b) {
        const int32_t difference = a - b;
        const int32_t square =
            MultiplyByQuantizedMultiplier(difference * difference, params.output_multiplier, params.output_shift);
        return Saturate<T>(square + params.output_offset);
    });
}

inline void squared_difference_int8(const SquaredDifferenceInt8Params& params, const int8_t* input1,
                                    const int8_t* input2, int8_t* output) {
    SquaredDifferenceInteger<7>(params, input1, input2, output);
}

inline void squared_difference_int16(const SquaredDifferenceInt16Params& params, const int16_t* input1,
                                     const int16_t* input2, int16_t* output) {
    SquaredDifferenceInteger<0>(params, input1, input2, output);
}

// Modulo 2^32.
inline void squared_difference_int32(const BroadcastParams& params, const int32_t* input1, const int32_t* input2,
                                     int32_t* output) {
    Broadcast(params, input1, input2, output, [](int32_t a, int32_t b) {
        const uint32_t difference = static_cast<uint32_t>(a) - static_cast<uint32_t>(b);
        return static_cast<int32_t>(difference * difference);
    });
}

inline void squared_difference_float32(const BroadcastParams& params, const float* input1, const float* input2,
                                       float* output) {
    Broadcast(params, input1, input2, output, [](float a, float b) { return (a - b) * (a - b); });
}

}  // namespace kerf
