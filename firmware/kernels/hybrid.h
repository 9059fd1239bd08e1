// Shared by the hybrid kernels: float activations are quantized to int8 when a layer starts, row by row, so that it
// sums integers although its inputs and outputs are floats.
//
// Must equal LiteRT's functions for processors with vectors bit for bit, provided that the compiler does not fuse
// multiplications and additions (-ffp-contract=off): tensorflow/lite/kernels/internal/optimized/neon_tensor_utils.cc,
// on ARMv8. (On x86, those round the largest float below 0.5 to 1; LiteRT's portable functions differ in the last bit
// of a scale.) Infinities and NaN are undefined there; here they give unspecified numbers.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

// real = scale * (quantized - zero_point), zero_point -128 … 127.
struct RowQuantization {
    float scale;
    int32_t zero_point;
};

// roundf, ties away from zero, limited to -256 … 256; a NaN is -256.
inline int32_t RoundToInt(float value) {
    value = value > -256.0f ? value : -256.0f;
    value = value < 256.0f ? value : 256.0f;
    const int32_t whole = static_cast<int32_t>(value);
    const float rest = value - static_cast<float>(whole);  // exact
    return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

// `count` >= 1 floats as int8 over their whole range, which is made to include 0. LiteRT: NeonAsymmetricQuantizeFloats.
inline RowQuantization QuantizeAsymmetric(const float* values, int32_t count, int8_t* quantized) {
    float least = 0.0f, largest = 0.0f;
    for (int32_t i = 0; i < count; ++i) {
        least = Min(least, values[i]);
        largest = Max(largest, values[i]);
    }
    if (least == largest) {
        memset(quantized, 0, static_cast<size_t>(count));
        return {1.0f, 0};
    }
    const double low = least, high = largest;
    const double step = static_cast<double>(largest - least) / 255.0;  // of a float difference
    // Make exact the end of the range where that costs less.
    const double from_low = -128.0 - low / step, from_high = 127.0 - high / step;
    const bool low_decides = 128.0 + fabs(low / step) < 127.0 + fabs(high / step);
    const double exact = low_decides ? from_low : from_high;
    int32_t zero_point = -128;
    if (exact >= 127.0) {
        zero_point = 127;
    } else if (exact > -128.0) {
        zero_point = static_cast<int32_t>(round(exact));
    }
    const float scale = static_cast<float>(step);
    const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
    for (int32_t i = 0; i < count; ++i) {
        quantized[i] = static_cast<int8_t>(Clamp(RoundToInt(values[i] * inverse) + zero_point, -128, 127));
    }
    return {scale, zero_point};
}

// `count` >= 1 floats as int8 -127 … 127 around 0. LiteRT: NeonSymmetricQuantizeFloats.
inline RowQuantization QuantizeSymmetric(const float* values, int32_t count, int8_t* quantized) {
    float largest = 0.0f;
    for (int32_t i = 0; i < count; ++i) largest = Max(largest, fabsf(values[i]));
    if (largest == 0.0f) {
        memset(quantized, 0, static_cast<size_t>(count));
        return {1.0f, 0};
    }
    const float inverse = 127.0f / largest;
    for (int32_t i = 0; i < count; ++i) {
        quantized[i] = static_cast<int8_t>(Clamp(RoundToInt(values[i] * inverse), -127, 127));
    }
    return {largest / 127.0f, 0};
}

}  // namespace kerf
