// TFLM's operators for audio features, besides the FFT: windows, energies, filter banks, noise and gain. Must equal the
// functions that each names, in TFLM's signal/src. All have one dimension, except
// where there are rows. State is kept from one inference to the next.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/fixed_point.h"

namespace kerf {

struct SignalWindowParams {
    int32_t count, size;  // the input has a whole number of windows
    int32_t shift;
};

// ApplyWindow in window.cc. The output may share the input's memory.
inline void signal_window(const SignalWindowParams& p, const int16_t* input, const int16_t* window, int16_t* output) {
    for (int32_t i = 0, at = 0; i < p.count; ++i, at = at + 1 == p.size ? 0 : at + 1) {
        output[i] = Saturate<int16_t>(static_cast<int32_t>(input[i]) * window[at] >> p.shift);
    }
}

struct SignalFftAutoScaleParams {
    int32_t count;
};

// FftAutoScale in fft_auto_scale.cc: shifts the signal left as far as it fits, and says by how many bits. The largest
// magnitude is an int16: that of -32,768 is itself. The output may share the input's memory.
inline void signal_fft_auto_scale(const SignalFftAutoScaleParams& p, const int16_t* input, int16_t* output,
                                  int32_t* scale_bits) {
    int16_t largest = 0;
    for (int32_t i = 0; i < p.count; ++i) {
        const int32_t magnitude = input[i] < 0 ? -input[i] : input[i];
        if (magnitude > largest) largest = static_cast<int16_t>(magnitude);
    }
    // A number of 32 bits stands for 0, and for a negative one.
    const auto unsigned_largest = static_cast<uint32_t>(static_cast<int32_t>(largest));
    const int32_t bits = unsigned_largest == 0 ? 32 : 32 - __builtin_clz(unsigned_largest);
    const int32_t left = bits >= 15 ? 0 : 15 - bits;
    for (int32_t i = 0; i < p.count; ++i) output[i] = static_cast<int16_t>(input[i] * (1 << left));
    *scale_bits = left;
}

struct SignalEnergyParams {
    int32_t start, end, count;
};

// SpectrumToEnergy in energy.cc. Elements outside start … end - 1 are 0.
inline void signal_energy(const SignalEnergyParams& p, const int16_t* input, uint32_t* output) {
    for (int32_t i = 0; i < p.count; ++i) {
        const int32_t real = input[2 * i], imaginary = input[2 * i + 1];
        const bool inside = i >= p.start && i < p.end;
        output[i] = inside ? static_cast<uint32_t>(real * real) + static_cast<uint32_t>(imaginary * imaginary) : 0;
    }
}

struct SignalFilterBankParams {
    int32_t channels;
};

// FilterbankAccumulateChannels in filter_bank.cc. The five constants have an element for every channel and one before.
inline void signal_filter_bank(const SignalFilterBankParams& p, const uint32_t* input, const int16_t* weights,
                               const int16_t* unweights, const int16_t* frequency_starts, const int16_t* weight_starts,
                               const int16_t* widths, uint64_t* output) {
    uint64_t weighted = 0, unweighted = 0;
    for (int32_t i = 0; i <= p.channels; ++i) {
        const uint32_t* in = input + frequency_starts[i];
        for (int32_t j = 0; j < widths[i]; ++j) {
            const uint64_t energy = in[j];
            weighted += static_cast<uint64_t>(int64_t{weights[weight_starts[i] + j]}) * energy;
            unweighted += static_cast<uint64_t>(int64_t{unweights[weight_starts[i] + j]}) * energy;
        }
        if (i > 0) output[i - 1] = weighted;
        weighted = unweighted;
        unweighted = 0;
    }
}

struct SignalFilterBankSquareRootParams {
    int32_t count;
};

// The square root, rounded to nearest except for the largest result; 0 for 0.
template <typename T>
inline T RoundedSquareRoot(T x) {
    if (x == 0) return 0;
    T result = 0;
    const int32_t leading_zeros = sizeof(T) == 8 ? __builtin_clzll(x) : __builtin_clz(static_cast<uint32_t>(x));
    T bit = T{1} << ((static_cast<int32_t>(8 * sizeof(T)) - 1 - leading_zeros) & ~1);
    for (; bit != 0; bit >>= 2) {
        if (x >= result + bit) {
            x -= result + bit;
            result = (result >> 1) + bit;
        } else {
            result >>= 1;
        }
    }
    constexpr T kLargest = (T{1} << (4 * sizeof(T))) - 1;
    return x > result && result != kLargest ? result + 1 : result;
}

// FilterbankSqrt in filter_bank_square_root.cc. Of a shift outside 0 … 31, the lowest 5 bits count, as on x86; TFLM's
// result is undefined there.
inline void signal_filter_bank_square_root(const SignalFilterBankSquareRootParams& p, const uint64_t* input,
                                           const int32_t* scale_bits, uint32_t* output) {
    for (int32_t i = 0; i < p.count; ++i) {
        const uint64_t x = input[i];
        const uint32_t root =
            x >> 32 == 0 ? RoundedSquareRoot(static_cast<uint32_t>(x)) : static_cast<uint32_t>(RoundedSquareRoot(x));
        output[i] = root >> (*scale_bits & 31);
    }
}

// Factors of channels with an even and an odd number, as fractions of `bits` bits.
struct SignalFilterBankSpectralSubtractionParams {
    int32_t count;
    uint32_t smoothing, one_minus_smoothing;
    uint32_t alternate_smoothing, alternate_one_minus_smoothing;
    uint32_t min_signal_remaining;
    int32_t smoothing_bits, bits;
    bool clamps;
};

// FilterbankSpectralSubtraction in filter_bank_spectral_subtraction.cc. `state` is the estimate of the noise, which is
// kept from one inference to the next; `estimate` is its copy.
inline void signal_filter_bank_spectral_subtraction(const SignalFilterBankSpectralSubtractionParams& p,
                                                    const uint32_t* input, uint32_t* output, uint32_t* estimate,
                                                    uint32_t* state) {
    for (int32_t i = 0; i < p.count; ++i) {
        const bool even = (i & 1) == 0;
        const uint64_t smoothing = even ? p.smoothing : p.alternate_smoothing;
        const uint64_t rest = even ? p.one_minus_smoothing : p.alternate_one_minus_smoothing;
        const uint32_t signal = input[i] << p.smoothing_bits;
        uint32_t noise = static_cast<uint32_t>((signal * smoothing + state[i] * rest) >> p.bits);
        state[i] = noise;
        if (noise > signal) {
            noise = signal;
            if (p.clamps) state[i] = noise;
        }
        const auto floor = static_cast<uint32_t>(static_cast<uint64_t>(input[i]) * p.min_signal_remaining >> p.bits);
        const uint32_t subtracted = (signal - noise) >> p.smoothing_bits;
        output[i] = subtracted > floor ? subtracted : floor;
        estimate[i] = state[i];
    }
}

struct SignalPcanParams {
    int32_t count, snr_shift;
};

// WideDynamicFunction in pcan_argc_fixed.cc: a table of parabolas, one for each power of 2.
inline uint32_t WideDynamicFunction(uint32_t x, const int16_t* table) {
    if (x <= 2) return static_cast<uint32_t>(int32_t{table[x]});
    const int32_t interval = 32 - __builtin_clz(x);
    table += 4 * interval - 6;
    const auto fraction = static_cast<int32_t>((interval < 11 ? x << (11 - interval) : x >> (interval - 11)) & 0x3ff);
    int32_t result = table[2] * fraction >> 5;
    result += static_cast<int32_t>(static_cast<uint32_t>(int32_t{table[1]}) << 5);
    result = static_cast<int32_t>(static_cast<uint32_t>(result) * static_cast<uint32_t>(fraction));
    result = static_cast<int32_t>(static_cast<uint32_t>(result) + (1u << 14)) >> 15;
    return static_cast<uint32_t>(int32_t{static_cast<int16_t>(result + table[0])});
}

// ApplyPcanAutoGainControlFixed in pcan_argc_fixed.cc: 12 fractional bits become 6, of x * x / 4 below 2 and x - 1
// above. The output may share the input's memory.
inline void signal_pcan(const SignalPcanParams& p, const uint32_t* input, const uint32_t* noise, const int16_t* table,
                        uint32_t* output) {
    for (int32_t i = 0; i < p.count; ++i) {
        const uint64_t gain = WideDynamicFunction(noise[i], table);
        const auto snr = static_cast<uint32_t>(input[i] * gain >> p.snr_shift);
        output[i] = snr < (2u << 12) ? (snr * snr) >> 20 : (snr >> 6) - (1u << 6);
    }
}

struct SignalFilterBankLogParams {
    int32_t count;
    uint32_t output_scale;
    int32_t correction_bits;
};

// Log32 in log.cc: the natural logarithm of x >= 1, times output_scale. `table` has 128 corrections of a straight line
// between powers of 2, and two more elements.
inline uint32_t ScaledLogarithm(uint32_t x, uint32_t output_scale, const uint16_t* table) {
    const int32_t whole = 31 - __builtin_clz(x);
    const uint32_t rest = x - (uint32_t{1} << whole);
    const auto fraction = static_cast<int32_t>(whole < 16 ? rest << (16 - whole) : rest >> (whole - 16));
    const int32_t segment = fraction >> 9, low = table[segment], high = table[segment + 1];
    const int32_t correction = low + ((high - low) * (fraction - (segment << 9)) >> 16);
    const uint32_t log2 = (static_cast<uint32_t>(whole) << 16) + static_cast<uint32_t>(fraction + correction);
    const auto natural = static_cast<uint32_t>((uint64_t{45426} * log2 + 32768) >> 16);
    return (output_scale * natural + 32768) >> 16;
}

// FilterbankLog in filter_bank_log.cc.
inline void signal_filter_bank_log(const SignalFilterBankLogParams& p, const uint32_t* input, const uint16_t* table,
                                   int16_t* output) {
    for (int32_t i = 0; i < p.count; ++i) {
        const uint32_t scaled = input[i] << p.correction_bits;
        const uint32_t result = scaled > 1 ? ScaledLogarithm(scaled, p.output_scale, table) : 0;
        output[i] = static_cast<int16_t>(result < 32767 ? result : 32767);
    }
}

struct SignalDelayParams {
    int32_t rows, size, delay;
};

// DelayEval in micro/kernels/delay.cc: the signal of `delay` elements ago. `state` has the last `delay` elements of
// each row, zeros at first.
inline void signal_delay(const SignalDelayParams& p, const int16_t* input, int16_t* output, int16_t* state) {
    const int32_t early = p.delay < p.size ? p.delay : p.size;  // the output's elements that were kept
    for (int32_t row = 0; row < p.rows; ++row, input += p.size, output += p.size, state += p.delay) {
        memcpy(output, state, static_cast<uint32_t>(early) * sizeof(int16_t));
        memcpy(output + early, input, static_cast<uint32_t>(p.size - early) * sizeof(int16_t));
        memmove(state, state + early, static_cast<uint32_t>(p.delay - early) * sizeof(int16_t));
        memcpy(state + p.delay - early, input + p.size - early, static_cast<uint32_t>(early) * sizeof(int16_t));
    }
}

struct SignalStackerParams {
    int32_t channels, before;
};

// StackerEval in micro/kernels/stacker.cc, without right context and in steps of one frame: the input, a frame of
// `channels` elements, behind the `before` frames before it. Copies of the first frame stand for those before it.
// state[0] says whether there was a frame; the frames follow.
inline void signal_stacker(const SignalStackerParams& p, const int16_t* input, int16_t* output, bool* valid,
                           int16_t* state) {
    const int32_t kept = p.before * p.channels;
    const auto frame_bytes = static_cast<uint32_t>(p.channels) * sizeof(int16_t);
    const auto kept_bytes = static_cast<uint32_t>(kept) * sizeof(int16_t);
    int16_t* frames = state + 1;
    if (state[0] == 0) {
        for (int32_t i = 0; i < p.before; ++i) memcpy(frames + i * p.channels, input, frame_bytes);
        state[0] = 1;
    }
    memcpy(output, frames, kept_bytes);
    memcpy(output + kept, input, frame_bytes);
    memcpy(frames, output + p.channels, kept_bytes);
    *valid = true;
}

// `size` is at least `step`.
struct SignalFramerParams {
    int32_t rows, frames, size, step;
};
using SignalOverlapAddParams = SignalFramerParams;

// FramerEval in micro/kernels/framer.cc, with prefill: each frame starts `step` elements after the one before. `state`
// has the last size - step elements of each row, zeros at first.
inline void signal_framer(const SignalFramerParams& p, const int16_t* input, int16_t* output, bool* valid,
                          int16_t* state) {
    const int32_t kept = p.size - p.step;
    const auto kept_bytes = static_cast<uint32_t>(kept) * sizeof(int16_t);
    for (int32_t row = 0; row < p.rows; ++row, state += kept) {
        for (int32_t frame = 0; frame < p.frames; ++frame, input += p.step, output += p.size) {
            memcpy(output, state, kept_bytes);
            memcpy(output + kept, input, static_cast<uint32_t>(p.step) * sizeof(int16_t));
            memcpy(state, output + p.step, kept_bytes);
        }
    }
    *valid = true;
}

namespace internal {

inline int16_t Overlap(int16_t a, int16_t b) {
    return Saturate<int16_t>(static_cast<int32_t>(a) + b);
}
inline float Overlap(float a, float b) {
    return a + b;
}

}  // namespace internal

// OverlapAdd in overlap_add.cc: the reverse. `state` has the sums of each row, zeros at first.
template <typename T>
inline void signal_overlap_add(const SignalOverlapAddParams& p, const T* input, T* output, T* state) {
    const auto step_bytes = static_cast<uint32_t>(p.step) * sizeof(T);
    const int32_t kept = p.size - p.step;
    for (int32_t row = 0; row < p.rows; ++row, state += p.size) {
        for (int32_t frame = 0; frame < p.frames; ++frame, input += p.size, output += p.step) {
            for (int32_t i = 0; i < p.size; ++i) state[i] = internal::Overlap(state[i], input[i]);
            memcpy(output, state, step_bytes);
            memmove(state, state + p.step, static_cast<uint32_t>(kept) * sizeof(T));
            memset(state + kept, 0, step_bytes);
        }
    }
}

}  // namespace kerf
