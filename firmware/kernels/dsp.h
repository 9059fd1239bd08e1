// Shared by the kernels for cores with the DSP extension (Cortex-M4, M7, M33): its instructions, and requantization.
//
// Every kernel exists twice: as assembly for the device and, named …Twin, as the same algorithm in C++ over the
// instructions below, so that any machine can run it with sanitizers.
//
// Requantization: TFLM's MultiplyByQuantizedMultiplier with a right shift n = -shift, 1 <= n <= 31, and a multiplier
// m of 2^30 … 2^31-1 takes two instructions that multiply, round and add, with two constants per channel:
//
//     x = SMMLAR(a, 2m - 2^32, a)             (2am + 2^31) >> 32: SaturatingRoundingDoublingHighMul(a, m)
//     u = x + (x >> 31)                       a tie of a negative number is rounded away from zero
//     y = SMMLSR(u, -2^(32-n), zero point)    RoundingDivideByPowerOfTwo(x, n) + zero point
//
// Finally, SSAT saturates y to int8. No step can overflow. If the smallest output is the zero point (a fused RELU), a
// negative x gives that output however it is rounded, so the second line can be omitted.
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf::dsp {

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
inline constexpr bool kAssembly = true;
#else
inline constexpr bool kAssembly = false;
#endif

// The word at an address, which need not be aligned.
inline uint32_t Load(const void* address) {
    uint32_t word;
    memcpy(&word, address, sizeof(word));
    return word;
}

inline int32_t Low(uint32_t pair) {
    return static_cast<int16_t>(pair & 0xffff);
}
inline int32_t High(uint32_t pair) {
    return static_cast<int16_t>(pair >> 16);
}

// Two int16 halves as a word: PKHBT.
inline uint32_t Pair(int32_t low, int32_t high) {
    return (static_cast<uint32_t>(low) & 0xffff) | static_cast<uint32_t>(high) << 16;
}

// Bytes 0 and 2 of a word as a pair of int16: SXTB16. Rotated by 8, bytes 1 and 3.
inline uint32_t EvenBytes(uint32_t bytes) {
    if constexpr (kAssembly) {
        uint32_t pair;
        asm("sxtb16 %0, %1" : "=r"(pair) : "r"(bytes));
        return pair;
    }
    return Pair(static_cast<int8_t>(bytes & 0xff), static_cast<int8_t>(bytes >> 16 & 0xff));
}
inline uint32_t OddBytes(uint32_t bytes) {
    if constexpr (kAssembly) {
        uint32_t pair;
        asm("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(bytes));
        return pair;
    }
    return EvenBytes(bytes >> 8);
}

// sum + the products of the lower and the upper halves, modulo 2^32: SMLAD.
inline uint32_t AddProducts(uint32_t sum, uint32_t pair1, uint32_t pair2) {
    if constexpr (kAssembly) {
        asm("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(pair1), "r"(pair2));
        return sum;
    }
    return sum + static_cast<uint32_t>(Low(pair1) * Low(pair2)) + static_cast<uint32_t>(High(pair1) * High(pair2));
}

// sum + the product of the lower halves, modulo 2^32: SMLABB.
inline uint32_t AddLowProduct(uint32_t sum, uint32_t pair1, uint32_t pair2) {
    if constexpr (kAssembly) {
        asm("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(pair1), "r"(pair2));
        return sum;
    }
    return sum + static_cast<uint32_t>(Low(pair1) * Low(pair2));
}
// sum + the product of the upper halves, modulo 2^32: SMLATT.
inline uint32_t AddUpperProduct(uint32_t sum, uint32_t pair1, uint32_t pair2) {
    if constexpr (kAssembly) {
        asm("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(pair1), "r"(pair2));
        return sum;
    }
    return sum + static_cast<uint32_t>(High(pair1) * High(pair2));
}

// The upper 32 bits of a * b, rounded to nearest: SMMULR.
inline int32_t HighProduct(int32_t a, int32_t b) {
    if constexpr (kAssembly) {
        int32_t product;
        asm("smmulr %0, %1, %2" : "=r"(product) : "r"(a), "r"(b));
        return product;
    }
    return static_cast<int32_t>((static_cast<int64_t>(a) * b + (int64_t{1} << 31)) >> 32);
}

// sum + the upper 32 bits of a * b, rounded to nearest: SMMLAR.
inline int32_t AddHighProduct(int32_t sum, int32_t a, int32_t b) {
    if constexpr (kAssembly) {
        asm("smmlar %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
        return sum;
    }
    const uint64_t wide = (static_cast<uint64_t>(static_cast<uint32_t>(sum)) << 32) +
                          static_cast<uint64_t>(static_cast<int64_t>(a) * b) + (uint64_t{1} << 31);
    return static_cast<int32_t>(static_cast<uint32_t>(wide >> 32));
}

// sum - the upper 32 bits of a * b, rounded to nearest: SMMLSR.
inline int32_t SubtractHighProduct(int32_t sum, int32_t a, int32_t b) {
    if constexpr (kAssembly) {
        asm("smmlsr %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
        return sum;
    }
    const uint64_t wide = (static_cast<uint64_t>(static_cast<uint32_t>(sum)) << 32) -
                          static_cast<uint64_t>(static_cast<int64_t>(a) * b) + (uint64_t{1} << 31);
    return static_cast<int32_t>(static_cast<uint32_t>(wide >> 32));
}

// value limited to int8: SSAT.
inline int32_t SaturateToInt8(int32_t value) {
    if constexpr (kAssembly) {
        asm("ssat %0, #8, %0" : "+r"(value));
        return value;
    }
    return value < -128 ? -128 : (value > 127 ? 127 : value);
}

// Four int8 in a word, each limited: SSUB8 compares, SEL chooses. `lowest` and `highest` hold the limit four times.
inline uint32_t ClampBytes(uint32_t bytes, uint32_t lowest, uint32_t highest) {
    if constexpr (kAssembly) {
        uint32_t ignored;
        asm("ssub8 %1, %0, %2\n sel %0, %0, %2\n ssub8 %1, %3, %0\n sel %0, %0, %3"
            : "+&r"(bytes), "=&r"(ignored)
            : "r"(lowest), "r"(highest));
        return bytes;
    }
    uint32_t result = 0;
    for (int32_t i = 0; i < 32; i += 8) {
        const int32_t value = static_cast<int8_t>(bytes >> i & 0xff);
        const int32_t low = static_cast<int8_t>(lowest >> i & 0xff), high = static_cast<int8_t>(highest >> i & 0xff);
        result |= static_cast<uint32_t>((value < low ? low : (value > high ? high : value)) & 0xff) << i;
    }
    return result;
}

// Two int16, halved after an addition without overflow (SHADD16), each limited to int8 (SSAT16), and subtracted
// (SSUB16).
inline uint32_t HalveSums(uint32_t pair1, uint32_t pair2) {
    if constexpr (kAssembly) {
        uint32_t halves;
        asm("shadd16 %0, %1, %2" : "=r"(halves) : "r"(pair1), "r"(pair2));
        return halves;
    }
    return Pair((Low(pair1) + Low(pair2)) >> 1, (High(pair1) + High(pair2)) >> 1);
}
inline uint32_t SaturatePairToInt8(uint32_t pair) {
    if constexpr (kAssembly) {
        asm("ssat16 %0, #8, %0" : "+r"(pair));
        return pair;
    }
    return Pair(SaturateToInt8(Low(pair)), SaturateToInt8(High(pair)));
}
inline uint32_t SubtractPairs(uint32_t pair1, uint32_t pair2) {
    if constexpr (kAssembly) {
        uint32_t difference;
        asm("ssub16 %0, %1, %2" : "=r"(difference) : "r"(pair1), "r"(pair2));
        return difference;
    }
    return Pair(Low(pair1) - Low(pair2), High(pair1) - High(pair2));
}

// The byte of a word four times.
inline uint32_t Repeat(int32_t byte) {
    return static_cast<uint32_t>(byte & 0xff) * 0x01010101u;
}

constexpr bool NarrowerThanInt8(int32_t lowest, int32_t highest) {
    return lowest != -128 || highest != 127;
}

// Clamps `count` bytes in place, for kernels that only saturate but have limits narrower than int8.
[[gnu::noinline]] inline void ClampAll(int8_t* bytes, int32_t count, int32_t lowest, int32_t highest) {
    const uint32_t low = Repeat(lowest), high = Repeat(highest);
    for (; count >= 4; count -= 4, bytes += 4) {
        const uint32_t word = ClampBytes(Load(bytes), low, high);
        memcpy(bytes, &word, sizeof(word));
    }
    for (; count > 0; --count, ++bytes) *bytes = static_cast<int8_t>(ClampBytes(Repeat(*bytes), low, high) & 0xff);
}

constexpr bool NarrowerThanInt16(int32_t lowest, int32_t highest) {
    return (lowest != -32768 && lowest != 0) || highest != 32767;
}

// The same for int16.
[[gnu::noinline]] inline void ClampAll(int16_t* elements, int32_t count, int32_t lowest, int32_t highest) {
    for (int16_t* const end = elements + count; elements < end; ++elements) {
        *elements = static_cast<int16_t>(*elements < lowest ? lowest : (*elements > highest ? highest : *elements));
    }
}

// Turns a sum into an int16 output: see conv_2d_int16_dsp.h. A RELU clamps to 0 … 32,767.
template <bool kRelu>
inline int16_t RequantizeInt16(uint32_t sum, int32_t multiplier) {
    const int32_t value = HighProduct(static_cast<int32_t>(sum), multiplier);
    if constexpr (kAssembly) {
        int32_t saturated;
        if constexpr (kRelu) {
            asm("usat %0, #15, %1" : "=r"(saturated) : "r"(value));
        } else {
            asm("ssat %0, #16, %1" : "=r"(saturated) : "r"(value));
        }
        return static_cast<int16_t>(saturated);
    }
    constexpr int32_t kLowest = kRelu ? 0 : -32768;
    return static_cast<int16_t>(value < kLowest ? kLowest : (value > 32767 ? 32767 : value));
}

// Turns a sum into an int8 output: see the top. `multiplier` is 2m - 2^32 and `power` -2^(32-n).
template <bool kNegatives>
inline int8_t Requantize(uint32_t sum, int32_t multiplier, int32_t power, int32_t zero_point) {
    int32_t x = AddHighProduct(static_cast<int32_t>(sum), static_cast<int32_t>(sum), multiplier);
    if constexpr (kNegatives) x += x >> 31;
    return static_cast<int8_t>(SaturateToInt8(SubtractHighProduct(zero_point, x, power)));
}

}  // namespace kerf::dsp
