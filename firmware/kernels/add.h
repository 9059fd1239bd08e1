// ADD: elementwise sum of two tensors, with broadcasting.
//
// The output is dense. It may share its memory with an operand that has as many elements.
#pragma once

#include <stdint.h>

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

// Both operands are rescaled to a common scale, twice the larger of the two, and summed in Q20:
//   input1_offset, input2_offset  the negated zero points, -127 … 128
//   …_multiplier, …_shift         see MultiplyByQuantizedMultiplier, shift <= 0
//   output_offset                 the zero point, -128 … 127
//   output_min, output_max        the fused activation, within int8
// Must equal TFLM: reference_integer_ops::Add and BroadcastAdd4DSlow in reference/integer_ops/add.h. int16 uses Q15
// instead of Q20 and has no zero points: reference_ops::AddGeneralParamScale in reference/add.h.
struct AddInt8Params {
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
    int32_t output_min;
    int32_t output_max;
};

using AddInt16Params = AddInt8Params;
using AddUint8Params = AddInt8Params;

// Must equal TFLM: reference_ops::Add and BroadcastAdd4DSlow in reference/add.h.
struct AddFloat32Params {
    int32_t shape[5];
    int32_t strides1[5];
    int32_t strides2[5];
    float output_min;
    float output_max;
};

// kSign  1 to add the second operand, -1 to subtract it
template <int kSumBits, int32_t kSign, typename T>
inline void AddInteger(const AddInt8Params& params, const T* input1, const T* input2, T* output) {
    BroadcastRescaled<kSumBits>(params, input1, input2, output, [&params](int32_t a, int32_t b) {
        const int32_t sum = MultiplyByQuantizedMultiplier(a + kSign * b, params.output_multiplier, params.output_shift);
        return static_cast<T>(Clamp(sum + params.output_offset, params.output_min, params.output_max));
    });
}

inline void add_int8(const AddInt8Params& params, const int8_t* input1, const int8_t* input2, int8_t* output) {
    AddInteger<20, 1>(params, input1, input2, output);
}

// Must equal LiteRT's, which is the same for uint8.
inline void add_uint8(const AddUint8Params& params, const uint8_t* input1, const uint8_t* input2, uint8_t* output) {
    AddInteger<20, 1>(params, input1, input2, output);
}

inline void add_int16(const AddInt16Params& params, const int16_t* input1, const int16_t* input2, int16_t* output) {
    AddInteger<15, 1>(params, input1, input2, output);
}

// Modulo 2^32. Must equal TFLM: reference_ops::Add and BroadcastAdd4DSlow in reference/add.h.
inline void add_int32(const BroadcastParams& params, const int32_t* input1, const int32_t* input2, int32_t* output) {
    Broadcast(params, input1, input2, output, [](int32_t a, int32_t b) {
        return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
    });
}

inline void add_float32(const AddFloat32Params& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output,
              [&params](float a, float b) { return Clamp(a + b, params.output_min, params.output_max); });
}

}  // namespace kerf
