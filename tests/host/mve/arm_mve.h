// The intrinsics of Arm's <arm_mve.h> that firmware/kernels/*_helium.h use, in plain C++: the same kernels then run on
// this machine, with its sanitizers. Semantics: "Arm MVE Intrinsics Reference Architecture" (101809) and the Armv8-M
// Architecture Reference Manual.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

using int8x16_t = int8_t __attribute__((vector_size(16)));
using uint8x16_t = uint8_t __attribute__((vector_size(16)));
using int16x8_t = int16_t __attribute__((vector_size(16)));
using int32x4_t = int32_t __attribute__((vector_size(16)));
using uint16x8_t = uint16_t __attribute__((vector_size(16)));
using uint32x4_t = uint32_t __attribute__((vector_size(16)));
struct int8x16x4_t {
    int8x16_t val[4];
};
using mve_pred16_t = uint16_t;  // a bit for each byte

namespace mve_twin {

template <typename To>
To Saturate(int64_t value) {
    return static_cast<To>(std::clamp<int64_t>(value, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}

template <typename Vector>
constexpr int kCount = sizeof(Vector) / sizeof(Vector{}[0]);

template <typename Vector>
bool Active(mve_pred16_t p, int lane) {
    return (p >> (lane * static_cast<int>(16 / kCount<Vector>)) & 1) != 0;
}

inline int64_t RoundingShift(int64_t value, int32_t shift) {
    if (shift >= 0) return value * (int64_t{1} << shift);
    return (value + (int64_t{1} << (-shift - 1))) >> -shift;
}

template <typename Vector, typename From>
Vector Load(const From* from, mve_pred16_t p = 0xffff) {
    Vector v = {};
    for (int i = 0; i < kCount<Vector>; ++i) {
        if (Active<Vector>(p, i)) v[i] = from[i];
    }
    return v;
}

template <typename To, typename Vector>
void Store(To* to, Vector v, mve_pred16_t p = 0xffff) {
    for (int i = 0; i < kCount<Vector>; ++i) {
        if (Active<Vector>(p, i)) to[i] = static_cast<To>(v[i]);
    }
}

template <typename Vector>
Vector Fill(int64_t value) {
    Vector v = {};
    for (int i = 0; i < kCount<Vector>; ++i) v[i] = static_cast<std::remove_reference_t<decltype(v[0])>>(value);
    return v;
}

template <typename Vector>
Vector Smaller(Vector a, Vector b) {
    return a < b ? a : b;
}

template <typename Vector>
Vector Larger(Vector a, Vector b) {
    return a > b ? a : b;
}

}  // namespace mve_twin

inline mve_pred16_t vctp8q(uint32_t n) {
    return static_cast<mve_pred16_t>(n < 16 ? (1u << n) - 1 : 0xffff);
}
inline mve_pred16_t vctp16q(uint32_t n) {
    return vctp8q(n < 8 ? 2 * n : 16);
}
inline mve_pred16_t vctp32q(uint32_t n) {
    return vctp8q(n < 4 ? 4 * n : 16);
}

inline int8x16_t vdupq_n_s8(int8_t value) {
    return mve_twin::Fill<int8x16_t>(value);
}
inline uint8x16_t vdupq_n_u8(uint8_t value) {
    return mve_twin::Fill<uint8x16_t>(value);
}
inline int32x4_t vdupq_n_s32(int32_t value) {
    return mve_twin::Fill<int32x4_t>(value);
}

inline int8x16_t vldrbq_s8(const int8_t* from) {
    return mve_twin::Load<int8x16_t>(from);
}
inline int8x16_t vldrbq_z_s8(const int8_t* from, mve_pred16_t p) {
    return mve_twin::Load<int8x16_t>(from, p);
}
inline int16x8_t vldrbq_s16(const int8_t* from) {
    return mve_twin::Load<int16x8_t>(from);
}
inline int16x8_t vldrbq_z_s16(const int8_t* from, mve_pred16_t p) {
    return mve_twin::Load<int16x8_t>(from, p);
}
inline uint8x16_t vldrbq_u8(const uint8_t* from) {
    return mve_twin::Load<uint8x16_t>(from);
}
inline int8x16_t vldrbq_gather_offset_z_s8(const int8_t* from, uint8x16_t offsets, mve_pred16_t p) {
    int8x16_t v = {};
    for (int i = 0; i < 16; ++i) {
        if (mve_twin::Active<int8x16_t>(p, i)) v[i] = from[offsets[i]];
    }
    return v;
}
inline int8x16_t vldrbq_gather_offset_s8(const int8_t* from, uint8x16_t offsets) {
    return vldrbq_gather_offset_z_s8(from, offsets, 0xffff);
}
inline int32x4_t vldrwq_s32(const int32_t* from) {
    return mve_twin::Load<int32x4_t>(from);
}
inline uint32x4_t vldrwq_u32(const uint32_t* from) {
    return mve_twin::Load<uint32x4_t>(from);
}
inline uint16x8_t vldrhq_u16(const uint16_t* from) {
    return mve_twin::Load<uint16x8_t>(from);
}

inline void vstrbq_s8(int8_t* to, int8x16_t v) {
    mve_twin::Store(to, v);
}
inline void vstrbq_p_s8(int8_t* to, int8x16_t v, mve_pred16_t p) {
    mve_twin::Store(to, v, p);
}
inline void vstrbq_s16(int8_t* to, int16x8_t v) {
    mve_twin::Store(to, v);
}
inline void vstrbq_p_s16(int8_t* to, int16x8_t v, mve_pred16_t p) {
    mve_twin::Store(to, v, p);
}
inline void vstrbq_p_s32(int8_t* to, int32x4_t v, mve_pred16_t p) {
    mve_twin::Store(to, v, p);
}
inline void vstrbq_scatter_offset_s16(int8_t* to, uint16x8_t offsets, int16x8_t v) {
    for (int i = 0; i < 8; ++i) to[offsets[i]] = static_cast<int8_t>(v[i]);
}

inline void vstrbq_scatter_offset_p_s16(int8_t* to, uint16x8_t offsets, int16x8_t v, mve_pred16_t p) {
    for (int i = 0; i < 8; ++i) {
        if (mve_twin::Active<int16x8_t>(p, i)) to[offsets[i]] = static_cast<int8_t>(v[i]);
    }
}
inline void vst4q_s8(int8_t* to, int8x16x4_t v) {
    for (int i = 0; i < 64; ++i) to[i] = v.val[i % 4][i / 4];
}

inline uint8x16_t vaddq_n_u8(uint8x16_t a, uint8_t b) {
    return a + vdupq_n_u8(b);
}
inline mve_pred16_t vcmphiq_m_u8(uint8x16_t a, uint8x16_t b, mve_pred16_t p) {
    uint32_t larger = 0;
    for (int i = 0; i < 16; ++i) larger |= (a[i] > b[i] ? 1u : 0u) << i;
    return static_cast<mve_pred16_t>(larger & p);
}
inline mve_pred16_t vcmphiq_u8(uint8x16_t a, uint8x16_t b) {
    return vcmphiq_m_u8(a, b, 0xffff);
}
inline int8x16_t vpselq_s8(int8x16_t a, int8x16_t b, mve_pred16_t p) {
    for (int i = 0; i < 16; ++i) a[i] = mve_twin::Active<int8x16_t>(p, i) ? a[i] : b[i];
    return a;
}

inline int32x4_t vaddq_s32(int32x4_t a, int32x4_t b) {
    return reinterpret_cast<int32x4_t>(reinterpret_cast<uint32x4_t>(a) + reinterpret_cast<uint32x4_t>(b));
}
inline int32x4_t vaddq_n_s32(int32x4_t a, int32_t b) {
    return vaddq_s32(a, vdupq_n_s32(b));
}
inline int16x8_t vqaddq_n_s16(int16x8_t a, int16_t b) {
    for (int i = 0; i < 8; ++i) a[i] = mve_twin::Saturate<int16_t>(a[i] + b);
    return a;
}
inline int8x16_t vmaxq_s8(int8x16_t a, int8x16_t b) {
    return mve_twin::Larger(a, b);
}
inline int8x16_t vminq_s8(int8x16_t a, int8x16_t b) {
    return mve_twin::Smaller(a, b);
}
inline int32x4_t vmaxq_s32(int32x4_t a, int32x4_t b) {
    return mve_twin::Larger(a, b);
}
inline int32x4_t vminq_s32(int32x4_t a, int32x4_t b) {
    return mve_twin::Smaller(a, b);
}

inline int32x4_t vqrdmulhq_s32(int32x4_t a, int32x4_t b) {
    for (int i = 0; i < 4; ++i) {
        a[i] = mve_twin::Saturate<int32_t>((int64_t{a[i]} * b[i] + (int64_t{1} << 30)) >> 31);
    }
    return a;
}
inline int32x4_t vqrdmulhq_n_s32(int32x4_t a, int32_t b) {
    return vqrdmulhq_s32(a, vdupq_n_s32(b));
}
inline int32x4_t vshrq_n_s32(int32x4_t a, int32_t shift) {
    return a >> shift;
}
inline int32x4_t vrshlq_s32(int32x4_t a, int32x4_t shifts) {
    for (int i = 0; i < 4; ++i) a[i] = static_cast<int32_t>(mve_twin::RoundingShift(a[i], shifts[i]));
    return a;
}
inline int32x4_t vrshlq_n_s32(int32x4_t a, int32_t shift) {
    return vrshlq_s32(a, vdupq_n_s32(shift));
}

inline int16x8_t vqmovnbq_s32(int16x8_t to, int32x4_t v) {
    for (int i = 0; i < 4; ++i) to[2 * i] = mve_twin::Saturate<int16_t>(v[i]);
    return to;
}
inline int16x8_t vqmovntq_s32(int16x8_t to, int32x4_t v) {
    for (int i = 0; i < 4; ++i) to[2 * i + 1] = mve_twin::Saturate<int16_t>(v[i]);
    return to;
}
inline int8x16_t vqmovnbq_s16(int8x16_t to, int16x8_t v) {
    for (int i = 0; i < 8; ++i) to[2 * i] = mve_twin::Saturate<int8_t>(v[i]);
    return to;
}
inline int8x16_t vreinterpretq_s8_s16(int16x8_t v) {
    return reinterpret_cast<int8x16_t>(v);
}
inline int16x8_t vreinterpretq_s16_s8(int8x16_t v) {
    return reinterpret_cast<int16x8_t>(v);
}
inline int16x8_t vreinterpretq_s16_s32(int32x4_t v) {
    return reinterpret_cast<int16x8_t>(v);
}

inline int16x8_t vaddq_n_s16(int16x8_t a, int16_t b) {
    for (int i = 0; i < 8; ++i) a[i] = static_cast<int16_t>(a[i] + b);
    return a;
}
inline int16x8_t vshlq_n_s16(int16x8_t a, int shift) {
    for (int i = 0; i < 8; ++i) a[i] = static_cast<int16_t>(a[i] * (1 << shift));
    return a;
}
inline int32x4_t vshllbq_n_s16(int16x8_t a, int shift) {
    return int32x4_t{a[0] * (1 << shift), a[2] * (1 << shift), a[4] * (1 << shift), a[6] * (1 << shift)};
}
inline int32x4_t vshlltq_n_s16(int16x8_t a, int shift) {
    return int32x4_t{a[1] * (1 << shift), a[3] * (1 << shift), a[5] * (1 << shift), a[7] * (1 << shift)};
}
