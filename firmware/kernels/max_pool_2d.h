// MAX_POOL_2D, portable. Must equal MaxPool in TFLM's tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h
// (integers) and reference/pooling.h (float32). Layouts and params: pool_2d.h.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"
#include "kernels/pool_2d.h"

namespace kerf {

namespace internal {

template <typename T>
inline void MaxPool2DInteger(const Pool2DInt8Params& p, const T* input, T* output) {
    Pool2D(
        p, input, output, int32_t{Limits<T>::kLowest},
        [](int32_t largest, int32_t element) { return largest < element ? element : largest; },
        [&](int32_t largest, int32_t) { return static_cast<T>(Clamp(largest, p.activation_min, p.activation_max)); });
}

}  // namespace internal

inline void max_pool_2d_int8(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    internal::MaxPool2DInteger(p, input, output);
}

inline void max_pool_2d_int16(const Pool2DInt16Params& p, const int16_t* input, int16_t* output) {
    internal::MaxPool2DInteger(p, input, output);
}

inline void max_pool_2d_uint8(const Pool2DUint8Params& p, const uint8_t* input, uint8_t* output) {
    internal::MaxPool2DInteger(p, input, output);
}

template <const Pool2DFloat32Params& p>
inline void max_pool_2d_float32(const float* input, float* output) {
    internal::Pool2D(
        p, input, output, Limits<float>::kLowest,
        [](float largest, float element) { return largest < element ? element : largest; },
        [](float largest, int32_t) { return Clamp(largest, p.activation_min, p.activation_max); });
}

}  // namespace kerf
