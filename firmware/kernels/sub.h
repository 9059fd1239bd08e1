// SUB: elementwise difference of two tensors, with broadcasting.
//
// The output is dense. It may share the memory of an operand with as many elements.
#pragma once

#include <stdint.h>

#include "kernels/add.h"
#include "kernels/broadcast.h"
#include "kernels/fixed_point.h"

namespace kerf {

using SubInt8Params = AddInt8Params;
using SubInt16Params = AddInt16Params;
using SubUint8Params = AddUint8Params;
using SubFloat32Params = AddFloat32Params;

// Must equal TFLM: reference_ops::SubElementwise and BroadcastQuantSubSlow in reference/sub.h.
inline void sub_int8(const SubInt8Params& params, const int8_t* input1, const int8_t* input2, int8_t* output) {
    AddInteger<20, -1>(params, input1, input2, output);
}

// Must equal LiteRT's, which is the same for uint8.
inline void sub_uint8(const SubUint8Params& params, const uint8_t* input1, const uint8_t* input2, uint8_t* output) {
    AddInteger<20, -1>(params, input1, input2, output);
}

inline void sub_int16(const SubInt16Params& params, const int16_t* input1, const int16_t* input2, int16_t* output) {
    AddInteger<15, -1>(params, input1, input2, output);
}

// Modulo 2^32. Must equal TFLM: reference_ops::SubWithActivation and BroadcastSubSlow in reference/sub.h.
inline void sub_int32(const BroadcastParams& params, const int32_t* input1, const int32_t* input2, int32_t* output) {
    Broadcast(params, input1, input2, output, [](int32_t a, int32_t b) {
        return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
    });
}

// Must equal TFLM: see sub_int32().
inline void sub_float32(const SubFloat32Params& params, const float* input1, const float* input2, float* output) {
    Broadcast(params, input1, input2, output,
              [&params](float a, float b) { return Clamp(a - b, params.output_min, params.output_max); });
}

}  // namespace kerf
