// Functions of one element, float32 except LogicalNot: map<Tanh>() applies Tanh. The output may share the input's
// memory.
//
// Must equal TFLM: the operators of the same names in micro/kernels, up to the C library's functions.
#pragma once

#include <math.h>
#include <stdint.h>

namespace kerf {

struct MapParams {
    int32_t count;
};

template <typename Function, typename T>
inline void map(const MapParams& params, const T* input, T* output) {
    for (int32_t i = 0; i < params.count; ++i) output[i] = Function::of(input[i]);
}

struct Abs {
    static float of(float x) { return fabsf(x); }
};

struct Ceil {
    static float of(float x) { return ceilf(x); }
};

struct Cos {
    static float of(float x) { return cosf(x); }
};

struct Elu {
    static float of(float x) { return x < 0.0f ? expm1f(x) : x; }
};

struct Exp {
    static float of(float x) { return expf(x); }
};

struct Floor {
    static float of(float x) { return floorf(x); }
};

struct HardSwish {
    static float of(float x) {
        const float shifted = x + 3.0f;
        const float positive = 0.0f < shifted ? shifted : 0.0f;
        return x * (positive < 6.0f ? positive : 6.0f) / 6.0f;
    }
};

struct Log {
    static float of(float x) { return logf(x); }
};

struct LogicalNot {
    static bool of(bool x) { return !x; }
};

struct Neg {
    static float of(float x) { return -x; }
};

// Rounds to nearest, ties to even; negative numbers round to 0, not -0.
struct Round {
    static float of(float x) {
        const float below = floorf(x);
        const float rest = x - below;
        const bool down = rest < 0.5f || (!(rest > 0.5f) && fmodf(below, 2.0f) == 0.0f);
        return down ? below : below + 1.0f;
    }
};

struct Rsqrt {
    static float of(float x) { return 1.0f / sqrtf(x); }
};

struct Sin {
    static float of(float x) { return sinf(x); }
};

struct Sqrt {
    static float of(float x) { return sqrtf(x); }
};

struct Square {
    static float of(float x) { return x * x; }
};

struct Tanh {
    static float of(float x) { return tanhf(x); }
};

}  // namespace kerf
