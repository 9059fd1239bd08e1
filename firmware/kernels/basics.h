// What the kernels need of the C++ standard library. Not every compiler comes with that library's headers (Debian's for
// RISC-V does not), so kernels include C's headers alone.
#pragma once

#include <float.h>
#include <stdint.h>

namespace kerf {

// Lowest and highest value of an element type.
template <typename T>
struct Limits;

template <>
struct Limits<int8_t> {
    static constexpr int8_t kLowest = INT8_MIN, kHighest = INT8_MAX;
};

template <>
struct Limits<uint8_t> {
    static constexpr uint8_t kLowest = 0, kHighest = UINT8_MAX;
};

template <>
struct Limits<int16_t> {
    static constexpr int16_t kLowest = INT16_MIN, kHighest = INT16_MAX;
};

template <>
struct Limits<int32_t> {
    static constexpr int32_t kLowest = INT32_MIN, kHighest = INT32_MAX;
};

template <>
struct Limits<int64_t> {
    static constexpr int64_t kLowest = INT64_MIN, kHighest = INT64_MAX;
};

template <>
struct Limits<float> {
    static constexpr float kLowest = -FLT_MAX, kHighest = FLT_MAX;
};

template <typename T>
constexpr bool kIsFloat = false;
template <>
constexpr bool kIsFloat<float> = true;

template <typename T, typename U>
constexpr bool kIsSame = false;
template <typename T>
constexpr bool kIsSame<T, T> = true;

// `Type` is First if `kFirst`, else Second.
template <bool kFirst, typename First, typename Second>
struct Choice {
    using Type = First;
};
template <typename First, typename Second>
struct Choice<false, First, Second> {
    using Type = Second;
};

// The first of two equal values, as std::min and std::max; a NaN as b is never chosen.
template <typename T>
constexpr const T& Min(const T& a, const T& b) {
    return b < a ? b : a;
}

template <typename T>
constexpr const T& Max(const T& a, const T& b) {
    return a < b ? b : a;
}

// Predicates of two values of one type.
struct Less {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a < b;
    }
};

struct LessEqual {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a <= b;
    }
};

struct Greater {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a > b;
    }
};

struct GreaterEqual {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a >= b;
    }
};

struct Equal {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a == b;
    }
};

struct NotEqual {
    template <typename T>
    constexpr bool operator()(T a, T b) const {
        return a != b;
    }
};

struct LogicalAnd {
    constexpr bool operator()(bool a, bool b) const { return a && b; }
};

struct LogicalOr {
    constexpr bool operator()(bool a, bool b) const { return a || b; }
};

}  // namespace kerf
