// AVERAGE_POOL_2D, portable. Must equal AveragePool in TFLM's tensorflow/lite/kernels/internal/reference/
// integer_ops/pooling.h (integers: rounded to nearest, ties away from zero) and reference/pooling.h (float32, summed
// in the same order). Layouts and params: pool_2d.h.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/pool_2d.h"

namespace kerf {

namespace internal {

// A window has at most 2^23 elements of int8 or 2^15 of int16, so that their sum fits in 32 bits.
template <typename T>
inline void AveragePool2DInteger(const Pool2DInt8Params& p, const T* input, T* output) {
    Pool2D(
        p, input, output, int32_t{0}, [](int32_t sum, int32_t element) { return sum + element; },
        [&](int32_t sum, int32_t count) {
            const int32_t half = count / 2;
            const int32_t average = (sum > 0 ? sum + half : sum - half) / count;
            return static_cast<T>(Clamp(average, p.activation_min, p.activation_max));
        });
}

}  // namespace internal

inline void average_pool_2d_int8(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    internal::AveragePool2DInteger(p, input, output);
}

inline void average_pool_2d_int16(const Pool2DInt16Params& p, const int16_t* input, int16_t* output) {
    internal::AveragePool2DInteger(p, input, output);
}

inline void average_pool_2d_uint8(const Pool2DUint8Params& p, const uint8_t* input, uint8_t* output) {
    internal::AveragePool2DInteger(p, input, output);
}

template <const Pool2DFloat32Params& p>
inline void average_pool_2d_float32(const float* input, float* output) {
    internal::Pool2D(
        p, input, output, 0.0f, [](float sum, float element) { return sum + element; },
        [](float sum, int32_t count) {
            return Clamp(sum / static_cast<float>(count), p.activation_min, p.activation_max);
        });
}

}  // namespace kerf
