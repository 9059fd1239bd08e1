// SIGNAL_RFFT: the spectrum of a real signal whose length is a power of 2. Must equal TFLM's SignalRfft, which is
// kiss_fftr() of KISS FFT in the arithmetic of the signal's type, in the same order.
//
//   input           [rows][input_length]; zeros follow until fft_length
//   order           [fft_length / 2], the position in the signal, in pairs, of each element before the first stage
//   twiddles        [fft_length / 2][2]: exp(-2i pi k / (fft_length / 2)), real and imaginary parts
//   super_twiddles  [fft_length / 4][2]: exp(-i pi ((k + 1) / (fft_length / 2) + 1/2))
//   scratch         [fft_length / 2][2]
//   output          [rows][fft_length / 2 + 1][2], must not overlap the input
#pragma once

#include <stdint.h>

namespace kerf {

struct SignalRfftParams {
    int32_t rows, input_length;
    int32_t fft_length;  // at least 4
};

namespace internal {

// Fixed-point numbers of kBits fractional bits, or floats.
template <typename T>
struct FftArithmetic;

template <typename T, typename Wide, int kBits>
struct FixedFftArithmetic {
    static T Round(Wide product) { return static_cast<T>((product + (Wide{1} << (kBits - 1))) >> kBits); }
    static T Divide(T x, int32_t by) {
        return Round(static_cast<Wide>(static_cast<Wide>(x) * (static_cast<Wide>((Wide{1} << kBits) - 1) / by)));
    }
    static T Half(T x) { return static_cast<T>(x >> 1); }
    static T Real(T ar, T ai, T br, T bi) {
        return Round(static_cast<Wide>(static_cast<Wide>(ar) * br - static_cast<Wide>(ai) * bi));
    }
    static T Imaginary(T ar, T ai, T br, T bi) {
        return Round(static_cast<Wide>(static_cast<Wide>(ar) * bi + static_cast<Wide>(ai) * br));
    }
    // Sums wrap around.
    static T Add(T a, T b) { return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
    static T Subtract(T a, T b) { return static_cast<T>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)); }
};

template <>
struct FftArithmetic<int16_t> : FixedFftArithmetic<int16_t, int32_t, 15> {
    // KISS FFT halves the sum in 32 bits.
    static int16_t HalfSum(int16_t a, int16_t b) { return static_cast<int16_t>((a + b) >> 1); }
    static int16_t HalfDifference(int16_t a, int16_t b) { return static_cast<int16_t>((a - b) >> 1); }
};

template <>
struct FftArithmetic<int32_t> : FixedFftArithmetic<int32_t, int64_t, 31> {
    static int32_t HalfSum(int32_t a, int32_t b) { return Half(Add(a, b)); }
    static int32_t HalfDifference(int32_t a, int32_t b) { return Half(Subtract(a, b)); }
};

template <>
struct FftArithmetic<float> {
    static float Divide(float x, int32_t) { return x; }
    static float Real(float ar, float ai, float br, float bi) { return ar * br - ai * bi; }
    static float Imaginary(float ar, float ai, float br, float bi) { return ar * bi + ai * br; }
    static float Add(float a, float b) { return a + b; }
    static float Subtract(float a, float b) { return a - b; }
    static float HalfSum(float a, float b) { return (a + b) * 0.5f; }
    static float HalfDifference(float a, float b) { return (a - b) * 0.5f; }
};

template <typename T>
struct Complex {
    T r, i;

    using Arithmetic = FftArithmetic<T>;
    Complex operator+(Complex b) const { return {Arithmetic::Add(r, b.r), Arithmetic::Add(i, b.i)}; }
    Complex operator-(Complex b) const { return {Arithmetic::Subtract(r, b.r), Arithmetic::Subtract(i, b.i)}; }
    Complex operator*(Complex b) const {
        return {Arithmetic::Real(r, i, b.r, b.i), Arithmetic::Imaginary(r, i, b.r, b.i)};
    }
    Complex Over(int32_t by) const { return {Arithmetic::Divide(r, by), Arithmetic::Divide(i, by)}; }
};

// Butterflies of two elements, m apart; `step` is the distance of their twiddles.
template <typename T>
inline void Butterflies2(Complex<T>* x, int32_t m, int32_t step, const Complex<T>* twiddles) {
    for (int32_t k = 0; k < m; ++k, ++x) {
        const Complex<T> first = x[0].Over(2), second = x[m].Over(2) * twiddles[k * step];
        x[m] = first - second;
        x[0] = first + second;
    }
}

template <bool kInverse, typename T>
inline void Butterflies4(Complex<T>* x, int32_t m, int32_t step, const Complex<T>* twiddles) {
    for (int32_t k = 0; k < m; ++k, ++x) {
        Complex<T> first = x[0].Over(4);
        const Complex<T> s0 = x[m].Over(4) * twiddles[k * step];
        const Complex<T> s1 = x[2 * m].Over(4) * twiddles[2 * k * step];
        const Complex<T> s2 = x[3 * m].Over(4) * twiddles[3 * k * step];
        const Complex<T> s5 = first - s1;
        first = first + s1;
        const Complex<T> s3 = s0 + s2, s4 = s0 - s2;
        const Complex<T> turned = {s4.i, FftArithmetic<T>::Subtract(T{0}, s4.r)};  // -i times s4
        x[2 * m] = first - s3;
        x[0] = first + s3;
        x[kInverse ? 3 * m : m] = s5 + turned;
        x[kInverse ? m : 3 * m] = s5 - turned;
    }
}

// All stages, for `half` elements in the order in which they are combined. The twiddles of the inverse turn the other
// way.
template <bool kInverse, typename T>
inline void Stages(Complex<T>* x, int32_t half, const Complex<T>* twiddles) {
    int32_t m = 1;
    if ((__builtin_ctz(static_cast<uint32_t>(half)) & 1) != 0) {
        for (int32_t i = 0; i < half; i += 2) Butterflies2(x + i, 1, half / 2, twiddles);
        m = 2;
    }
    for (; m < half; m *= 4) {
        for (int32_t i = 0; i < half; i += 4 * m) Butterflies4<kInverse>(x + i, m, half / (4 * m), twiddles);
    }
}

template <typename T>
inline void Rfft(const SignalRfftParams& p, const T* input, const uint16_t* order, const Complex<T>* twiddles,
                 const Complex<T>* super_twiddles, Complex<T>* x, Complex<T>* output) {
    using Arithmetic = FftArithmetic<T>;
    const int32_t half = p.fft_length / 2;
    for (int32_t row = 0; row < p.rows; ++row, input += p.input_length, output += half + 1) {
        for (int32_t i = 0; i < half; ++i) {
            const int32_t at = 2 * order[i];
            x[i] = {at < p.input_length ? input[at] : T{0}, at + 1 < p.input_length ? input[at + 1] : T{0}};
        }
        Stages<false>(x, half, twiddles);
        // Two interleaved signals become one of twice the length.
        const Complex<T> first = x[0].Over(2);
        output[0] = {Arithmetic::Add(first.r, first.i), T{0}};
        output[half] = {Arithmetic::Subtract(first.r, first.i), T{0}};
        for (int32_t k = 1; k <= half / 2; ++k) {
            const Complex<T> a = x[k].Over(2);
            const Complex<T> b = Complex<T>{x[half - k].r, Arithmetic::Subtract(T{0}, x[half - k].i)}.Over(2);
            const Complex<T> sum = a + b, turned = (a - b) * super_twiddles[k - 1];
            output[k] = {Arithmetic::HalfSum(sum.r, turned.r), Arithmetic::HalfSum(sum.i, turned.i)};
            output[half - k] = {Arithmetic::HalfDifference(sum.r, turned.r),
                                Arithmetic::HalfDifference(turned.i, sum.i)};
        }
    }
}

}  // namespace internal

// Size of `scratch` in bytes.
template <typename T>
constexpr int32_t signal_rfft_scratch_bytes(const SignalRfftParams& p) {
    return p.fft_length * static_cast<int32_t>(sizeof(T));
}

template <typename T>
inline void signal_rfft(const SignalRfftParams& p, const T* input, const uint16_t* order, const T* twiddles,
                        const T* super_twiddles, uint8_t* scratch, T* output) {
    using Element = internal::Complex<T>;
    internal::Rfft<T>(p, input, order, reinterpret_cast<const Element*>(twiddles),
                      reinterpret_cast<const Element*>(super_twiddles), reinterpret_cast<Element*>(scratch),
                      reinterpret_cast<Element*>(output));
}

}  // namespace kerf
