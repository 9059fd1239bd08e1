// Shared by the hybrid kernels: float activations are quantized to int8 when a layer starts, row by row, so that it
// sums integers although its inputs and outputs are floats.
//
// Must equal LiteRT's functions for processors with vectors bit for bit, provided that the compiler does not fuse
// multiplications and additions (-ffp-contract=off): tensorflow/lite/kernels/internal/optimized/neon_tensor_utils.cc,
// on ARMv8. (On x86, those round the largest float below 0.5 to 1; LiteRT's portable functions differ in the last bit
// of a scale.) Infinities and NaN are undefined there; here they give unspecified numbers.
#pragma once

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

// real = scale * (quantized - zero_point), zero_point -128 … 127. `inverse` is 1 / scale as LiteRT rounds it, 0 for a
// row of zeros. Quantized numbers are `lowest` … 127.
struct RowQuantization {
    float scale, inverse;
    int32_t zero_point, lowest;
};

// roundf, ties away from zero, limited to -256 … 256; a NaN is -256.
inline int32_t RoundToInt(float value) {
    value = value > -256.0f ? value : -256.0f;
    value = value < 256.0f ? value : 256.0f;
    const int32_t whole = static_cast<int32_t>(value);
    const float rest = value - static_cast<float>(whole);  // exact
    return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

namespace internal {

inline float FloatOf(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

// The bits of the least (at most -0) and the largest float (at least 0).
struct RangeBits {
    uint32_t least, largest;
};

// Compares `count` floats as integers, which takes fewer instructions. As signed numbers, positive floats are in order
// and above the negative ones; as unsigned numbers, negative floats are in reverse order and above the positive ones. A
// NaN is beyond infinity.
inline RangeBits RangeOf(const float* values, int32_t count) {
    int32_t largest = 0;
    uint32_t least = uint32_t{1} << 31;
#pragma GCC unroll 4
    for (int32_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof(bits));
        largest = Max(largest, static_cast<int32_t>(bits));
        least = Max(least, bits);
    }
    return {least, static_cast<uint32_t>(largest)};
}

// See WithRounding(). Not inlined, because it is rare.
[[gnu::noinline]] inline int32_t RoundAny(float value, const RowQuantization& row) {
    return 2 * (Clamp(RoundToInt(value * row.inverse) + row.zero_point, row.lowest, 127) - row.zero_point);
}

// Calls body(rounded). A quantized value is (rounded(value) + 2 * zero_point + 1) >> 1, saturated to int8, where
// rounded(value) is -512 … 512: twice the integer or, if that is negative and was a number of half steps, one less.
//
// Half steps suffice if scale and inverse are finite. Then so are all values, and value * inverse is between -256 and
// 256, or between -127.5 and 127.5 if it is symmetric.
template <typename Body>
inline void WithRounding(const RowQuantization& row, Body body) {
    const float twice = 2.0f * row.inverse;
    if (row.scale <= FLT_MAX && twice <= FLT_MAX) {
        body([=](float value) {
            const int32_t half_steps = static_cast<int32_t>(value * twice);
            return half_steps + (half_steps >> 31);
        });
    } else {
        body([&](float value) { return RoundAny(value, row); });
    }
}

}  // namespace internal

// How `count` >= 1 floats are quantized over their whole range, which is made to include 0. LiteRT:
// NeonAsymmetricQuantizeFloats.
struct Asymmetric {
    static RowQuantization Of(const float* values, int32_t count) {
        const internal::RangeBits range = internal::RangeOf(values, count);
        const float least = internal::FloatOf(range.least), largest = internal::FloatOf(range.largest);
        if (least == largest) return {1.0f, 0.0f, 0, -128};
        // The same as when a quotient of doubles is rounded to float, because these have more than twice the digits.
        const float scale = (largest - least) / 255.0f;
        return {scale, scale == 0.0f ? 0.0f : 1.0f / scale, ZeroPoint(least, largest, scale), -128};
    }

  private:
    static int32_t ZeroPoint(float least, float largest, float scale) {
        if (!(scale >= FLT_MIN && scale <= FLT_MAX)) return ZeroPointOfDoubles(least, largest);
        const float position = -least / scale;  // 0 … 255, wrong by less than 0.0001
        const int32_t nearest = static_cast<int32_t>(position + 0.5f);
        const float rest = fabsf(position - static_cast<float>(nearest));
        return rest < 0.499f ? nearest - 128 : ZeroPointOfDoubles(least, largest);
    }

    // Not inlined, because it is rare: only next to a tie does it matter how LiteRT computes it.
    [[gnu::noinline]] static int32_t ZeroPointOfDoubles(float least, float largest) {
        const double low = least, high = largest;
        const double step = static_cast<double>(largest - least) / 255.0;  // of a float difference
        // Make exact the end of the range where that costs less.
        const double from_low = -128.0 - low / step, from_high = 127.0 - high / step;
        const bool low_decides = 128.0 + fabs(low / step) < 127.0 + fabs(high / step);
        const double exact = low_decides ? from_low : from_high;
        if (exact >= 127.0) return 127;
        return exact > -128.0 ? static_cast<int32_t>(round(exact)) : -128;
    }
};

// The same around 0. LiteRT: NeonSymmetricQuantizeFloats.
struct Symmetric {
    static RowQuantization Of(const float* values, int32_t count) {
        const internal::RangeBits range = internal::RangeOf(values, count);
        const float largest = internal::FloatOf(Max(range.largest, range.least & INT32_MAX));
        if (largest == 0.0f) return {1.0f, 0.0f, 0, -127};
        return {largest / 127.0f, 127.0f / largest, 0, -127};
    }
};

// Quantizes `count` >= 1 floats.
template <typename Scheme>
inline RowQuantization QuantizeRow(const float* values, int32_t count, int8_t* quantized) {
    const RowQuantization row = Scheme::Of(values, count);
    internal::WithRounding(row, [=, offset = 2 * row.zero_point + 1](auto rounded) {
        for (int32_t i = 0; i < count; ++i) quantized[i] = Saturate<int8_t>((rounded(values[i]) + offset) >> 1);
    });
    return row;
}

}  // namespace kerf
