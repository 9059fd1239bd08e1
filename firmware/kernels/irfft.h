// SIGNAL_IRFFT: the real signal that has a spectrum, its length a power of 2. Must equal TFLM's SignalIrfft, which is
// kiss_fftri() of KISS FFT in the arithmetic of the signal's type, in the same order; floats are divided by the length.
//
//   input           [rows][fft_length / 2 + 1][2]
//   order           [fft_length / 2], the element of the half-length spectrum at each position before the first stage
//   twiddles        [fft_length / 2][2]: exp(2i pi k / (fft_length / 2)), real and imaginary parts
//   super_twiddles  [fft_length / 4][2]: exp(i pi ((k + 1) / (fft_length / 2) + 1/2))
//   scratch         [fft_length / 2][2]
//   output          [rows][fft_length], must not overlap the input
#pragma once

#include <stdint.h>

#include "kernels/rfft.h"

namespace kerf {

struct SignalIrfftParams {
    int32_t rows;
    int32_t fft_length;  // at least 4
};

namespace internal {

template <typename T>
struct IrfftArithmetic {
    static T Negated(T x) { return FftArithmetic<T>::Subtract(T{0}, x); }  // wraps around
    static T Scaled(T x, int32_t) { return x; }
};

template <>
struct IrfftArithmetic<float> {
    static float Negated(float x) { return -x; }
    static float Scaled(float x, int32_t length) { return x / static_cast<float>(length); }
};

template <typename T>
inline void Irfft(const SignalIrfftParams& p, const Complex<T>* input, const uint16_t* order,
                  const Complex<T>* twiddles, const Complex<T>* super_twiddles, Complex<T>* spectrum, T* output) {
    using Arithmetic = IrfftArithmetic<T>;
    const int32_t half = p.fft_length / 2;
    for (int32_t row = 0; row < p.rows; ++row, input += half + 1, output += p.fft_length) {
        // The spectra of the elements with even and with odd positions, as one complex spectrum of half the length.
        spectrum[0] = Complex<T>{FftArithmetic<T>::Add(input[0].r, input[half].r),
                                 FftArithmetic<T>::Subtract(input[0].r, input[half].r)}
                          .Over(2);
        for (int32_t k = 1; k <= half / 2; ++k) {
            const Complex<T> a = input[k].Over(2);
            const Complex<T> b = Complex<T>{input[half - k].r, Arithmetic::Negated(input[half - k].i)}.Over(2);
            const Complex<T> even = a + b, odd = (a - b) * super_twiddles[k - 1];
            spectrum[k] = even + odd;
            const Complex<T> other = even - odd;
            spectrum[half - k] = {other.r, Arithmetic::Negated(other.i)};
        }
        auto* const x = reinterpret_cast<Complex<T>*>(output);
        for (int32_t i = 0; i < half; ++i) x[i] = spectrum[order[i]];
        Stages<true>(x, half, twiddles);
        for (int32_t i = 0; i < p.fft_length; ++i) output[i] = Arithmetic::Scaled(output[i], p.fft_length);
    }
}

}  // namespace internal

// Size of `scratch` in bytes.
template <typename T>
constexpr int32_t signal_irfft_scratch_bytes(const SignalIrfftParams& p) {
    return p.fft_length * static_cast<int32_t>(sizeof(T));
}

template <typename T>
inline void signal_irfft(const SignalIrfftParams& p, const T* input, const uint16_t* order, const T* twiddles,
                         const T* super_twiddles, uint8_t* scratch, T* output) {
    using Element = internal::Complex<T>;
    internal::Irfft<T>(p, reinterpret_cast<const Element*>(input), order, reinterpret_cast<const Element*>(twiddles),
                       reinterpret_cast<const Element*>(super_twiddles), reinterpret_cast<Element*>(scratch), output);
}

}  // namespace kerf
