// Fixed-point arithmetic of the integer kernels: how a 32-bit accumulator becomes an 8-bit output.
//
// Must equal, for every input, TensorFlow Lite Micro built with double rounding (its default): the functions of the
// same names in tensorflow/lite/kernels/internal/common.cc and gemmlowp/fixedpoint/fixedpoint.h.
#pragma once

#include <float.h>
#include <stdint.h>

#include "kernels/basics.h"

namespace kerf {

// value limited to lowest … highest.
inline int32_t Clamp(int32_t value, int32_t lowest, int32_t highest) {
    return value < lowest ? lowest : (value > highest ? highest : value);
}

// The same for floats, in the order of comparisons that lets a NaN through as TFLM does. Without limits (none is
// narrower than all floats), that only concerns infinities: where the compiler knows this, it compares once.
inline float Clamp(float value, float lowest, float highest) {
    const bool unlimited = lowest == -FLT_MAX && highest == FLT_MAX;
    if (__builtin_constant_p(unlimited) && unlimited && __builtin_expect(!__builtin_isinf(value), 1)) return value;
    value = value < lowest ? lowest : value;
    return highest < value ? highest : value;
}

// value limited to the range of an integer type of at most 16 bits.
template <typename T>
inline T Saturate(int32_t value) {
    return static_cast<T>(Clamp(value, Limits<T>::kLowest, Limits<T>::kHighest));
}

// a * 2^left_shift, wrapping around at 32 bits, 0 <= left_shift <= 31.
inline int32_t ShiftLeft(int32_t a, int32_t left_shift) {
    return static_cast<int32_t>(static_cast<uint32_t>(a) << left_shift);
}

// a * 2^left_shift limited to the range of int32_t, 0 <= left_shift <= 31 (gemmlowp's SaturatingRoundingMultiplyByPOT).
inline int32_t SaturatingShiftLeft(int32_t a, int32_t left_shift) {
    const int64_t wide = static_cast<int64_t>(a) * (int64_t{1} << left_shift);
    if (wide > Limits<int32_t>::kHighest) return Limits<int32_t>::kHighest;
    if (wide < Limits<int32_t>::kLowest) return Limits<int32_t>::kLowest;
    return static_cast<int32_t>(wide);
}

// The high 32 bits of 2 * a * b, rounded to nearest, ties towards plus infinity, saturated in the only case that does
// not fit (both -2^31). gemmlowp writes the rounding as a truncating division of a nudged product; the shift below
// gives the same result for products of either sign.
inline int32_t SaturatingRoundingDoublingHighMul(int32_t a, int32_t b) {
    if (a == b && a == Limits<int32_t>::kLowest) return Limits<int32_t>::kHighest;
    return static_cast<int32_t>((static_cast<int64_t>(a) * b + (int64_t{1} << 30)) >> 31);
}

// SaturatingRoundingDoublingHighMul without a product of more than 32 bits, for |a| <= 2^30 and m of 2^30 … 2^31-1.
// With a = 2^16 h + l, l from -2^15 to 2^15-1, and m = 2^16 mh + ml it is 2 h mh + ((h ml + l mh + (l ml >> 16) + 2^14)
// >> 15).
inline int32_t NarrowHighMul(int32_t a, uint32_t m) {
    const auto multiplier_high = static_cast<int32_t>(m >> 16), multiplier_low = static_cast<int32_t>(m & 0xffff);
    const int32_t low = static_cast<int16_t>(a & 0xffff), high = (a - low) >> 16;
    const int32_t rest = high * multiplier_low + low * multiplier_high + (low * multiplier_low >> 16);
    return 2 * high * multiplier_high + ((rest + (1 << 14)) >> 15);
}

// x / 2^exponent rounded to nearest, ties away from zero, 0 <= exponent <= 31.
inline int32_t RoundingDivideByPowerOfTwo(int32_t x, int32_t exponent) {
    const uint32_t mask = (uint32_t{1} << exponent) - 1;
    const uint32_t remainder = static_cast<uint32_t>(x) & mask;
    const uint32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

// 1 / (1 + x) for x in [0, 1), both Q0.31, by three Newton-Raphson steps in Q2.29.
// Must equal gemmlowp: one_over_one_plus_x_for_x_in_0_1 in fixedpoint/fixedpoint.h.
inline int32_t OneOverOnePlusX(int32_t x) {
    constexpr int32_t kOne = 1 << 29;
    constexpr int32_t k48Over17 = 1515870810;
    constexpr int32_t kNeg32Over17 = -1010580540;
    const int32_t half_denominator =
        static_cast<int32_t>((static_cast<int64_t>(x) + Limits<int32_t>::kHighest + 1) / 2);
    int32_t result = k48Over17 + SaturatingRoundingDoublingHighMul(half_denominator, kNeg32Over17);
    for (int step = 0; step < 3; ++step) {
        const int32_t error = kOne - SaturatingRoundingDoublingHighMul(half_denominator, result);
        result += SaturatingShiftLeft(SaturatingRoundingDoublingHighMul(result, error), 2);
    }
    return SaturatingShiftLeft(result, 1);
}

// x * multiplier * 2^(shift - 31), rounded twice: after the multiplication and after the division.
//   multiplier  0, or 2^30 … 2^31-1
//   shift       -31 … 30; a positive one shifts left before the multiplication, where x * 2^shift wraps around at 32
//               bits, as TFLM's does in practice
inline int32_t MultiplyByQuantizedMultiplier(int32_t x, int32_t multiplier, int32_t shift) {
    if (shift > 0) x = ShiftLeft(x, shift);
    // SaturatingRoundingDoublingHighMul; it cannot saturate without a negative multiplier: -2^31+1 … 2^31-2.
    const int32_t high = static_cast<int32_t>((static_cast<int64_t>(x) * multiplier + (int64_t{1} << 30)) >> 31);
    if (shift >= 0) return high;
    // RoundingDivideByPowerOfTwo, simplified for that range: subtracting 1 from a negative number rounds its ties away
    // from zero.
    const int32_t nudged = high + (high >> 31);
    return ((nudged >> (-shift - 1)) + 1) >> 1;
}

// The same rounded once, ties towards plus infinity, without wrapping around: LiteRT's dense layers of uint8.
inline int32_t MultiplyAndRoundOnce(int32_t x, int32_t multiplier, int32_t shift) {
    return static_cast<int32_t>((static_cast<int64_t>(x) * multiplier + (int64_t{1} << (30 - shift))) >> (31 - shift));
}

// x * multiplier * 2^-right_shift rounded to nearest, ties towards plus infinity, for sums of 64 bits: |x| < 2^47,
// multiplier 0 … 2^15-1, right_shift 8 … 46. TFLM's function of this name for int64_t in common.cc, which computes
// these two numbers from the multiplier and shift above on every call.
inline int32_t MultiplyByQuantizedMultiplier(int64_t x, int16_t multiplier, int8_t right_shift) {
    return static_cast<int32_t>((x * multiplier + (int64_t{1} << (right_shift - 1))) >> right_shift);
}

// Turns an int16 kernel's sum of products into an output: adds the bias, scales, clamps. The type of the multiplier
// selects TFLM's arithmetic: this is for a 64-bit bias …
template <typename Sum, typename Bias>
inline int16_t RequantizeToInt16(Sum sum, Bias bias, int16_t multiplier, int8_t right_shift, int32_t activation_min,
                                 int32_t activation_max) {
    const int64_t total = sizeof(Sum) == 4 ? int64_t{static_cast<int32_t>(sum)} : static_cast<int64_t>(sum);
    const int64_t wide = total + static_cast<int64_t>(bias);
    return static_cast<int16_t>(
        Clamp(MultiplyByQuantizedMultiplier(wide, multiplier, right_shift), activation_min, activation_max));
}

// … and this for a 32-bit bias, where the sum is modulo 2^32.
inline int16_t RequantizeToInt16(uint32_t sum, int32_t bias, int32_t multiplier, int32_t shift, int32_t activation_min,
                                 int32_t activation_max) {
    const int32_t biased = static_cast<int32_t>(sum + static_cast<uint32_t>(bias));
    return static_cast<int16_t>(
        Clamp(MultiplyByQuantizedMultiplier(biased, multiplier, shift), activation_min, activation_max));
}

// Turns an 8-bit kernel's sum of products (modulo 2^32) into an output: adds the bias, scales, adds the offset, clamps.
//   multiplier, shift  see MultiplyByQuantizedMultiplier
//   output_offset      zero point of the output
template <typename T>
inline T RequantizeTo(uint32_t sum, int32_t bias, int32_t multiplier, int32_t shift, int32_t output_offset,
                      int32_t activation_min, int32_t activation_max) {
    const int32_t scaled =
        MultiplyByQuantizedMultiplier(static_cast<int32_t>(sum + static_cast<uint32_t>(bias)), multiplier, shift);
    const uint32_t moved = static_cast<uint32_t>(scaled) + static_cast<uint32_t>(output_offset);
    return static_cast<T>(Clamp(static_cast<int32_t>(moved), activation_min, activation_max));
}

inline int8_t RequantizeToInt8(uint32_t sum, int32_t bias, int32_t multiplier, int32_t shift, int32_t output_offset,
                               int32_t activation_min, int32_t activation_max) {
    return RequantizeTo<int8_t>(sum, bias, multiplier, shift, output_offset, activation_min, activation_max);
}

}  // namespace kerf
