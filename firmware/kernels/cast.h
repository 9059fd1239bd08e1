// CAST: conversion to another type. Integers wrap around, floats saturate.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/fixed_point.h"

namespace kerf {

struct CastParams {
    int32_t count;
};

// Rounds towards 0; NaN becomes 0. A Cortex-M with an FPU has an instruction for that, which leaves the integer in a
// register of the FPU.
template <typename To>
inline void StoreInteger(float x, To* output) {
#if defined(__ARM_FP) && defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
    if constexpr (sizeof(To) < 4 || kIsSame<To, int32_t>) {
        float whole;
        asm("vcvt.s32.f32 %0, %1" : "=t"(whole) : "t"(x));
        if constexpr (sizeof(To) == 4) {
            using Register [[gnu::may_alias]] = float;  // so that it is stored from there
            *reinterpret_cast<Register*>(output) = whole;
        } else {
            int32_t bits;
            memcpy(&bits, &whole, sizeof(bits));
            *output = Saturate<To>(bits);
        }
        return;
    }
#endif
    constexpr To kLowest = Limits<To>::kLowest, kHighest = Limits<To>::kHighest;
    constexpr auto kLow = static_cast<float>(kLowest);  // a power of two, so that -kLow is kHighest + 1
    if (x >= -kLow) {
        *output = kHighest;
    } else if (x <= kLow) {
        *output = kLowest;
    } else {
        *output = x == x ? static_cast<To>(static_cast<int32_t>(x)) : To{0};
    }
}

// An output with elements no wider than the input's may start where the input does. Must equal TFLM: copyCast in
// micro/kernels/cast.cc as of October 2026. In August 2026, conversions that saturate here were still undefined.
template <typename From, typename To>
inline void cast(const CastParams& params, const From* input, To* output) {
    for (int32_t i = 0; i < params.count; ++i) {
        if constexpr (kIsFloat<From> && !kIsFloat<To>) {
            StoreInteger(input[i], output + i);
        } else {
            output[i] = static_cast<To>(input[i]);
        }
    }
}

}  // namespace kerf
