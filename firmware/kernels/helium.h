// Shared by the int8 kernels for cores with Helium (the M-profile vector extension with integers): sums of products
// over chunks of 16 elements, and the requantization of four sums at a time.
//
// The sums exclude the input offset: it is folded into the bias, and padding is the zero point. A channel's
// requantization is its bias, multiplier and shift as for RequantizeToInt8, with a shift of -31 … -1.
//
// The loops over chunks are written in assembly, because compilers do not keep eight sums in the even registers that
// VMLADAVA needs. Everything else is C++, and so are those loops on other machines.
#pragma once

#include <arm_mve.h>
#include <stdint.h>

#include "kernels/fixed_point.h"

namespace kerf {

namespace helium {

inline constexpr int32_t kLanes = 16;

constexpr int32_t Chunks(int32_t elements) {
    return (elements + kLanes - 1) / kLanes;
}

// Sums of four positions in each of two channels.
struct Sums {
    int32x4_t first, second;
};

//   tile     [chunks][4 positions][16]
//   weights  [chunks][2 channels][16]
//   chunks   at least 1
// Advances `weights` past what it has read.
inline Sums SumsOfTile(const int8_t* tile, const int8_t*& weights, int32_t chunks) {
    Sums sums;
#if defined(__ARM_FEATURE_MVE)
    int32_t left = chunks - 1;
    // The loop of four chunks begins with the fourth, third … last of them if that many more than a multiple are left.
    asm(R"(
        .macro    kerf_chunk multiply
        vldrb.8   q0, [%[weights]], #16
        vldrb.8   q2, [%[tile]], #16
        vldrb.8   q1, [%[weights]], #16
        \multiply r0, q2, q0
        vldrb.8   q3, [%[tile]], #16
        \multiply r8, q2, q1
        vldrb.8   q2, [%[tile]], #16
        \multiply r2, q3, q0
        \multiply r10, q3, q1
        vldrb.8   q3, [%[tile]], #16
        \multiply r4, q2, q0
        \multiply r12, q2, q1
        \multiply r6, q3, q0
        \multiply lr, q3, q1
        .endm

        kerf_chunk vmladav.s8
        tbb       [pc, %[entry]]
    1:  .byte     (2f - 1b) / 2, (5f - 1b) / 2, (4f - 1b) / 2, (3f - 1b) / 2, (6f - 1b) / 2
        .balign   2
    2:  kerf_chunk vmladava.s8
    3:  kerf_chunk vmladava.s8
    4:  kerf_chunk vmladava.s8
    5:  kerf_chunk vmladava.s8
        subs      %[left], #4
        bgt       2b
    6:  vmov      %q[first][2], %q[first][0], r0, r4
        vmov      %q[first][3], %q[first][1], r2, r6
        vmov      %q[second][2], %q[second][0], r8, r12
        vmov      %q[second][3], %q[second][1], r10, lr
        .purgem   kerf_chunk
    )"
        : [first] "=&w"(sums.first), [second] "=&w"(sums.second), [tile] "+r"(tile), [weights] "+r"(weights),
          [left] "+r"(left)
        : [entry] "r"(left == 0 ? 4 : left % 4)
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3", "cc", "memory");
#else
    sums.first = sums.second = vdupq_n_s32(0);
    for (; chunks > 0; --chunks, tile += 4 * kLanes, weights += 2 * kLanes) {
        for (int32_t j = 0; j < 4; ++j) {
            for (int32_t i = 0; i < kLanes; ++i) {
                sums.first[j] += tile[j * kLanes + i] * weights[i];
                sums.second[j] += tile[j * kLanes + i] * weights[kLanes + i];
            }
        }
    }
#endif
    return sums;
}

// Sums of one position in each of four channels.
//   input    [chunks][16]
//   weights  [chunks][4 channels][16]
//   chunks   at least 1
// Advances `weights` past what it has read.
inline int32x4_t SumsOfRow(const int8_t* input, const int8_t*& weights, int32_t chunks) {
    int32x4_t sums;
#if defined(__ARM_FEATURE_MVE)
    asm(R"(
        movs      r0, #0
        movs      r2, #0
        movs      r4, #0
        movs      r6, #0
        dls       lr, %[chunks]
    1:  vldrb.8   q0, [%[input]], #16
        vldrb.8   q1, [%[weights]], #16
        vldrb.8   q2, [%[weights]], #16
        vmladava.s8 r0, q0, q1
        vldrb.8   q1, [%[weights]], #16
        vmladava.s8 r2, q0, q2
        vldrb.8   q2, [%[weights]], #16
        vmladava.s8 r4, q0, q1
        vmladava.s8 r6, q0, q2
        le        lr, 1b
        vmov      %q[sums][2], %q[sums][0], r0, r4
        vmov      %q[sums][3], %q[sums][1], r2, r6
    )"
        : [sums] "=&w"(sums), [input] "+r"(input), [weights] "+r"(weights)
        : [chunks] "r"(chunks)
        : "r0", "r2", "r4", "r6", "lr", "q0", "q1", "q2", "cc", "memory");
#else
    sums = vdupq_n_s32(0);
    for (; chunks > 0; --chunks, input += kLanes, weights += 4 * kLanes) {
        for (int32_t j = 0; j < 4; ++j) {
            for (int32_t i = 0; i < kLanes; ++i) sums[j] += input[i] * weights[j * kLanes + i];
        }
    }
#endif
    return sums;
}

// MultiplyByQuantizedMultiplier. VQRDMULH rounds like SaturatingRoundingDoublingHighMul. VRSHL rounds ties towards plus
// infinity; subtracting 1 from negative numbers turns that into away from zero. Without kNegatives, negative ties are a
// step too large, which does not matter if the activation begins at the zero point.
template <bool kNegatives>
inline int32x4_t Scale(int32x4_t sums, int32_t multiplier, int32_t shift) {
    int32x4_t scaled = vqrdmulhq_n_s32(sums, multiplier);
    if (kNegatives) scaled = vaddq_s32(scaled, vshrq_n_s32(scaled, 31));
    return vrshlq_n_s32(scaled, shift);
}

template <bool kNegatives>
inline int32x4_t Scale(int32x4_t sums, int32_t bias, int32_t multiplier, int32_t shift) {
    return Scale<kNegatives>(vaddq_n_s32(sums, bias), multiplier, shift);
}

// The same with a requantization for each sum: [bias, multiplier, shift][4].
template <bool kNegatives>
inline int32x4_t Scale(int32x4_t sums, const int32_t* requantization) {
    int32x4_t scaled = vqrdmulhq_s32(vaddq_s32(sums, vldrwq_s32(requantization)), vldrwq_s32(requantization + 4));
    if (kNegatives) scaled = vaddq_s32(scaled, vshrq_n_s32(scaled, 31));
    return vrshlq_s32(scaled, vldrwq_s32(requantization + 8));
}

// Interleaves the lanes of both, adds the output's zero point and saturates to int8, in the low bytes of 16 bits. In
// assembly, because the compiler would copy what the narrowing instructions overwrite.
inline int16x8_t ToInt8(int32x4_t first, int32x4_t second, int32_t zero_point) {
#if defined(__ARM_FEATURE_MVE)
    asm("vqmovnb.s32 %q[first], %q[first]\n\t"
        "vqmovnt.s32 %q[first], %q[second]\n\t"
        "vqadd.s16 %q[first], %q[first], %[zero_point]\n\t"
        "vqmovnb.s16 %q[first], %q[first]"
        : [first] "+w"(first)
        : [second] "w"(second), [zero_point] "r"(zero_point));
    return vreinterpretq_s16_s32(first);
#else
    int16x8_t both = {};
    for (int32_t i = 0; i < 4; ++i) {
        both[2 * i] = static_cast<int16_t>(Clamp(Clamp(first[i], -32768, 32767) + zero_point, -128, 127));
        both[2 * i + 1] = static_cast<int16_t>(Clamp(Clamp(second[i], -32768, 32767) + zero_point, -128, 127));
    }
    return both;
#endif
}

constexpr bool NarrowerThanInt8(int32_t low, int32_t high) {
    return low > -128 || high < 127;
}

inline void ClampAll(int8_t* output, int32_t count, int32_t low, int32_t high) {
    const int8x16_t lowest = vdupq_n_s8(static_cast<int8_t>(low)), highest = vdupq_n_s8(static_cast<int8_t>(high));
    for (; count > 0; count -= kLanes, output += kLanes) {
        const mve_pred16_t some = vctp8q(static_cast<uint32_t>(count));
        vstrbq_p_s8(output, vminq_s8(vmaxq_s8(vldrbq_z_s8(output, some), lowest), highest), some);
    }
}

// Copies `length` bytes, in assembly because compilers do not use loops that predicate their tail.
inline void CopyRun(const int8_t* from, int32_t length, int8_t* to) {
#if defined(__ARM_FEATURE_MVE)
    asm volatile(R"(
        wlstp.8   lr, %[length], 2f
    1:  vldrb.8   q0, [%[from]], #16
        vstrb.8   q0, [%[to]], #16
        letp      lr, 1b
    2:
    )"
                 : [from] "+r"(from), [to] "+r"(to)
                 : [length] "r"(length)
                 : "lr", "q0", "memory");
#else
    for (; length > 0; length -= kLanes, from += kLanes, to += kLanes) {
        const mve_pred16_t some = vctp8q(static_cast<uint32_t>(length));
        vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
    }
#endif
}

}  // namespace helium

}  // namespace kerf
