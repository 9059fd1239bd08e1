// MAX_POOL_2D, AVERAGE_POOL_2D and MEAN over positions, of int8, for cores with the DSP extension: four channels at a
// time. Must equal max_pool_2d_int8(), average_pool_2d_int8() and mean_int8(). Layouts and params: pool_2d.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/dsp.h"
#include "kernels/fixed_point.h"
#include "kernels/pool_2d.h"
#include "kernels/window.h"

namespace kerf {

namespace dsp {

inline constexpr int32_t kChannels = 4;

// The elements of a window: `rows` rows of `columns`, with the bytes from one row or column to the next.
struct WindowTaps {
    int32_t rows, columns;
    int32_t row_step, column_step;
};

// The larger of two bytes, for four pairs of bytes.
inline uint32_t MaxBytes(uint32_t bytes, uint32_t others) {
    if constexpr (kAssembly) {
        uint32_t ignored;
        asm("ssub8 %1, %0, %2\n sel %0, %0, %2" : "+&r"(bytes), "=&r"(ignored) : "r"(others));
        return bytes;
    }
    uint32_t result = 0;
    for (int32_t i = 0; i < 32; i += 8) {
        const int32_t larger =
            std::max(static_cast<int8_t>(bytes >> i & 0xff), static_cast<int8_t>(others >> i & 0xff));
        result |= static_cast<uint32_t>(larger & 0xff) << i;
    }
    return result;
}

// sums + bytes 0 and 2 of a word, as pairs of int16: SXTAB16. Rotated by 8, bytes 1 and 3.
inline void AddBytes(uint32_t bytes, uint32_t& even, uint32_t& odd) {
    if constexpr (kAssembly) {
        asm("sxtab16 %0, %0, %2\n sxtab16 %1, %1, %2, ror #8" : "+r"(even), "+&r"(odd) : "r"(bytes));
        return;
    }
    const uint32_t evens = EvenBytes(bytes), odds = OddBytes(bytes);
    even = Pair(Low(even) + Low(evens), High(even) + High(evens));
    odd = Pair(Low(odd) + Low(odds), High(odd) + High(odds));
}

// Loads `channels` (1 … 4) bytes; the others are 0.
inline uint32_t LoadSome(const int8_t* bytes, int32_t channels) {
    if (channels == kChannels) return Load(bytes);
    uint32_t word = 0;
    std::memcpy(&word, bytes, static_cast<size_t>(channels));
    return word;
}

template <bool kWhole>
inline uint32_t MaxOfWindow(const int8_t* window, WindowTaps taps, int32_t channels) {
    uint32_t largest = 0x80808080u;
    for (int32_t row = 0; row < taps.rows; ++row) {
        const int8_t* element = window;
        for (int32_t i = taps.columns; i > 0; --i) {
            largest = MaxBytes(largest, kWhole ? Load(element) : LoadSome(element, channels));
            element += taps.column_step;
        }
        window += taps.row_step;
    }
    return largest;
}

// The largest number of int8 whose sum always fits in an int16.
inline constexpr int32_t kNarrowSums = 255;

template <bool kWhole>
inline void SumsOfWindow(const int8_t* window, WindowTaps taps, int32_t channels, int32_t (&sums)[kChannels]) {
    for (int32_t& sum : sums) sum = 0;
    for (int32_t row = 0; row < taps.rows; ++row) {
        const int8_t* element = window;
        for (int32_t left = taps.columns; left > 0; left -= kNarrowSums) {
            uint32_t even = 0, odd = 0;
            for (int32_t i = std::min(left, kNarrowSums); i > 0; --i) {
                AddBytes(kWhole ? Load(element) : LoadSome(element, channels), even, odd);
                element += taps.column_step;
            }
            sums[0] += Low(even), sums[1] += Low(odd), sums[2] += High(even), sums[3] += High(odd);
        }
        window += taps.row_step;
    }
}

// Calls some(window, taps, channels, output) for every window and every four channels; the last call may have fewer.
template <typename Some>
inline void PoolChannels(const Pool2DInt8Params& p, const int8_t* input, int8_t* output, Some some) {
    const int32_t row_step = p.input_width * p.depth;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            const TapRange rows = TapsInside(y, p.input_height, p.filter_height, 1);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x * p.stride_width - p.padding_left;
                const TapRange columns = TapsInside(x, p.input_width, p.filter_width, 1);
                WindowTaps taps = {rows.last - rows.first, columns.last - columns.first, row_step, p.depth};
                const int8_t* window = input + (y + rows.first) * row_step + (x + columns.first) * p.depth;
                if (taps.columns == p.input_width) taps = {1, taps.rows * taps.columns, 0, p.depth};
                for (int32_t left = p.depth; left > 0; left -= kChannels) {
                    const int32_t channels = std::min(left, kChannels);
                    some(window, taps, channels, output);
                    window += channels;
                    output += channels;
                }
            }
        }
        input += p.input_height * row_step;
    }
}

}  // namespace dsp

inline void max_pool_2d_int8_dsp(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    const uint32_t low = dsp::Repeat(p.activation_min), high = dsp::Repeat(p.activation_max);
    dsp::PoolChannels(p, input, output, [=](const int8_t* window, dsp::WindowTaps taps, int32_t channels, int8_t* to) {
        uint32_t largest = channels == dsp::kChannels ? dsp::MaxOfWindow<true>(window, taps, channels)
                                                      : dsp::MaxOfWindow<false>(window, taps, channels);
        largest = dsp::ClampBytes(largest, low, high);
        std::memcpy(to, &largest, static_cast<size_t>(channels));
    });
}

// Windows have at most 2^23 elements.
inline void average_pool_2d_int8_dsp(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    dsp::PoolChannels(p, input, output, [&](const int8_t* window, dsp::WindowTaps taps, int32_t channels, int8_t* to) {
        int32_t sums[dsp::kChannels];
        if (channels == dsp::kChannels) {
            dsp::SumsOfWindow<true>(window, taps, channels, sums);
        } else {
            dsp::SumsOfWindow<false>(window, taps, channels, sums);
        }
        const int32_t count = taps.rows * taps.columns, half = count / 2;
        for (int32_t i = 0; i < channels; ++i) {
            const int32_t average = (sums[i] > 0 ? sums[i] + half : sums[i] - half) / count;
            to[i] = static_cast<int8_t>(Clamp(average, p.activation_min, p.activation_max));
        }
    });
}

//   input       [batches][positions][depth], output [batches][depth]
//   multiplier, shift, zero_point_sum, output_zero_point: see MeanInt8Params
struct MeanPositionsInt8Params {
    int32_t batches, positions, depth;
    int32_t zero_point_sum;
    int32_t multiplier, shift;
    int32_t output_zero_point;
};

inline void mean_positions_int8_dsp(const MeanPositionsInt8Params& p, const int8_t* input, int8_t* output) {
    const Pool2DInt8Params whole = {p.batches, 1, p.positions, p.depth, 1, p.positions, 1, 1, 1, 1, 0, 0, 0, 0};
    dsp::PoolChannels(
        whole, input, output, [&](const int8_t* window, dsp::WindowTaps taps, int32_t channels, int8_t* to) {
            int32_t sums[dsp::kChannels];
            if (channels == dsp::kChannels) {
                dsp::SumsOfWindow<true>(window, taps, channels, sums);
            } else {
                dsp::SumsOfWindow<false>(window, taps, channels, sums);
            }
            for (int32_t i = 0; i < channels; ++i) {
                const int32_t mean = MultiplyByQuantizedMultiplier(sums[i] - p.zero_point_sum, p.multiplier, p.shift);
                to[i] = Saturate<int8_t>(mean + p.output_zero_point);
            }
        });
}

}  // namespace kerf
