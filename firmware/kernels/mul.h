// MUL: elementwise product of two tensors, with broadcasting.
//
// The output is dense. It may share its memory with an operand that has as many elements.
#pragma once

#include <stdint.h>

#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

//   input1_offset, input2_offset  the negated zero points, -127 … 128; 0 for int16
//   output_multiplier, …_shift    input1 scale * input2 scale / output scale, see MultiplyByQuantizedMultiplier; with
//                                 shift <= 14 (int16: 0), so that a shifted product still fits in 31 bits
//   output_offset                 the zero point, -128 … 127; 0 for int16
//   output_min, output_max        the fused activation, within the type
// Must equal TFLM: reference_integer_ops::Mul and BroadcastMul4DSlow in reference/integer_ops/mul.h.
struct MulInt8Params {
    int32_t shape[5];  // see broadcast.h
    int32_t strides1[5];
    int32_t strides2[5];
    int32_t input1_offset;
    int32_t input2_offset;
    int32_t output_offset;
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_min;
    int32_t output_max;
};

using MulInt16Params = MulInt8Params;

// Must equal TFLM: reference_ops::Mul and BroadcastMul4DSlow in reference/mul.h.
struct MulFloat32Params {
    int32_t shape[5];
    int32_t strides1[5];
    int32_t strides2[5];
    float output_min;
    float output_max;
};

template <typename T>
inline void MulInteger(const MulInt8Params& params, const T* input1, const T* input2, T* output) {
    Broadcast(params, input1, input2, output, [&params](T a, T b) {
        const int32_t product = MultiplyByQuantizedMultiplier((a + params.input1_offset) * (b + params.input2_offset),
                                                              params.output_multiplier, params.output_shift);
        return static_cast<T>(Clamp(product + params.output_offset, params.output_min, params.output_max));
    });
}

inline void mul_int8(const MulInt8Params& params, const int8_t* input1, const int8_t* input2, int8_t* output) {
    MulInteger(params, input1, input2, output);
}

inline void mul_int16(const MulInt16Params& params, const int16_t* input1, const int16_t* input2, int16_t* output) {
    MulInteger(params, input1, input2, output);
}

// Modulo 2^32. Must equal TFLM: reference_ops::Mul and BroadcastMul4DSlow in reference/mul.h.
inline void mul_int32(const BroadcastParams& params, const int32_t* input1, const int32_t* input2, int32_t* output) {
    Broadcast(params, input1, input2, output, [](int32_t a, int32_t b) {
        return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
    });
}

inline void mul_float32(const MulFloat32Params& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output,
              [&params](float a, float b) { return Clamp(a * b, params.output_min, params.output_max); });
}

}  // namespace kerf
