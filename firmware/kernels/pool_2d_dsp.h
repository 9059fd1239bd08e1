// MAX_POOL_2D and AVERAGE_POOL_2D of int8 and int16, and MEAN over positions of int8, for cores with the DSP extension:
// a word of channels at a time. Must equal max_pool_2d_int8(), average_pool_2d_int8(), mean_int8() and so on. Layouts
// and params: pool_2d.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/dsp.h"
#include "kernels/fixed_point.h"
#include "kernels/pool_2d.h"
#include "kernels/window.h"

namespace kerf {

namespace dsp {

template <typename Element>
inline constexpr int32_t kInWord = 4 / sizeof(Element);  // channels

inline constexpr int32_t kChannels = kInWord<int8_t>;

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
        const int32_t larger = Max(static_cast<int8_t>(bytes >> i & 0xff), static_cast<int8_t>(others >> i & 0xff));
        result |= static_cast<uint32_t>(larger & 0xff) << i;
    }
    return result;
}

// The larger of two int16, for two pairs.
inline uint32_t MaxHalves(uint32_t halves, uint32_t others) {
    if constexpr (kAssembly) {
        uint32_t ignored;
        asm("ssub16 %1, %0, %2\n sel %0, %0, %2" : "+&r"(halves), "=&r"(ignored) : "r"(others));
        return halves;
    }
    return Pair(Max(Low(halves), Low(others)), Max(High(halves), High(others)));
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

// Loads `channels` elements, at least one; the others of the word are 0.
template <typename Element>
inline uint32_t LoadSome(const Element* elements, int32_t channels) {
    if (channels == kInWord<Element>) return Load(elements);
    uint32_t word = 0;
    memcpy(&word, elements, sizeof(Element) * static_cast<size_t>(channels));
    return word;
}

// Calls combine(word) for every element of a window; kWhole if there are as many channels as a word holds.
template <bool kWhole, typename Element, typename Combine>
inline void ForEachTap(const Element* window, WindowTaps taps, int32_t channels, Combine combine) {
    for (int32_t row = 0; row < taps.rows; ++row) {
        const Element* element = window;
        for (int32_t i = taps.columns; i > 0; --i) {
            combine(kWhole ? Load(element) : LoadSome(element, channels));
            element += taps.column_step;
        }
        window += taps.row_step;
    }
}

template <bool kWhole, typename Element>
inline uint32_t MaxOfWindow(const Element* window, WindowTaps taps, int32_t channels) {
    constexpr bool kIsByte = sizeof(Element) == 1;
    uint32_t largest = kIsByte ? 0x80808080u : 0x80008000u;
    ForEachTap<kWhole>(window, taps, channels,
                       [&](uint32_t word) { largest = kIsByte ? MaxBytes(largest, word) : MaxHalves(largest, word); });
    return largest;
}

// The sums of both channels; a window has at most 2^15 elements.
template <bool kWhole>
inline void SumsOfWindow(const int16_t* window, WindowTaps taps, int32_t channels, int32_t (&sums)[2]) {
    int32_t low = 0, high = 0;
    ForEachTap<kWhole>(window, taps, channels, [&](uint32_t word) {
        low += Low(word);
        high += High(word);
    });
    sums[0] = low, sums[1] = high;
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
            for (int32_t i = Min(left, kNarrowSums); i > 0; --i) {
                AddBytes(kWhole ? Load(element) : LoadSome(element, channels), even, odd);
                element += taps.column_step;
            }
            sums[0] += Low(even), sums[1] += Low(odd), sums[2] += High(even), sums[3] += High(odd);
        }
        window += taps.row_step;
    }
}

// Not inlined, because it calls memcpy(), which takes registers that the loop over whole words needs.
template <typename Element>
[[gnu::noinline]] void SumsOfSome(const Element* window, WindowTaps taps, int32_t channels,
                                  int32_t (&sums)[kInWord<Element>]) {
    SumsOfWindow<false>(window, taps, channels, sums);
}

// Calls some(window, taps, channels, output) for every window and every word of channels; the last call may have fewer.
template <typename Element, typename Some>
inline void PoolChannels(const Pool2DInt8Params& p, const Element* input, Element* output, Some some) {
    constexpr int32_t kMost = kInWord<Element>;
    const int32_t row_step = p.input_width * p.depth;
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t out_y = 0; out_y < p.output_height; ++out_y) {
            const int32_t y = out_y * p.stride_height - p.padding_top;
            const TapRange rows = TapsInside(y, p.input_height, p.filter_height, 1);
            for (int32_t out_x = 0; out_x < p.output_width; ++out_x) {
                const int32_t x = out_x * p.stride_width - p.padding_left;
                const TapRange columns = TapsInside(x, p.input_width, p.filter_width, 1);
                WindowTaps taps = {rows.last - rows.first, columns.last - columns.first, row_step, p.depth};
                const Element* window = input + (y + rows.first) * row_step + (x + columns.first) * p.depth;
                if (taps.columns == p.input_width) taps = {1, taps.rows * taps.columns, 0, p.depth};
                for (int32_t left = p.depth; left > 0; left -= kMost) {
                    const int32_t channels = Min(left, kMost);
                    some(window, taps, channels, output);
                    window += channels;
                    output += channels;
                }
            }
        }
        input += p.input_height * row_step;
    }
}

template <typename Element>
inline void AveragePool2D(const Pool2DInt8Params& p, const Element* input, Element* output) {
    PoolChannels(p, input, output, [&](const Element* window, WindowTaps taps, int32_t channels, Element* to) {
        int32_t sums[kInWord<Element>];
        if (channels == kInWord<Element>) {
            SumsOfWindow<true>(window, taps, channels, sums);
        } else {
            SumsOfSome(window, taps, channels, sums);
        }
        const int32_t count = taps.rows * taps.columns, half = count / 2;
        for (int32_t i = 0; i < channels; ++i) {
            const int32_t average = (sums[i] > 0 ? sums[i] + half : sums[i] - half) / count;
            to[i] = static_cast<Element>(Clamp(average, p.activation_min, p.activation_max));
        }
    });
}

// clamp(word) limits all elements of a word.
template <typename Element, typename ClampWord>
inline void MaxPool2D(const Pool2DInt8Params& p, const Element* input, Element* output, ClampWord clamp) {
    PoolChannels(p, input, output, [=](const Element* window, WindowTaps taps, int32_t channels, Element* to) {
        const uint32_t largest = clamp(channels == kInWord<Element> ? MaxOfWindow<true>(window, taps, channels)
                                                                    : MaxOfWindow<false>(window, taps, channels));
        if (channels == kInWord<Element>) {
            memcpy(to, &largest, sizeof(largest));
        } else {
            memcpy(to, &largest, sizeof(Element) * static_cast<size_t>(channels));
        }
    });
}

}  // namespace dsp

inline void max_pool_2d_int8_dsp(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    const uint32_t low = dsp::Repeat(p.activation_min), high = dsp::Repeat(p.activation_max);
    dsp::MaxPool2D(p, input, output, [=](uint32_t word) { return dsp::ClampBytes(word, low, high); });
}

inline void max_pool_2d_int16_dsp(const Pool2DInt16Params& p, const int16_t* input, int16_t* output) {
    dsp::MaxPool2D(p, input, output, [&](uint32_t word) {
        return dsp::Pair(Clamp(dsp::Low(word), p.activation_min, p.activation_max),
                         Clamp(dsp::High(word), p.activation_min, p.activation_max));
    });
}

// Windows have at most 2^23 elements.
inline void average_pool_2d_int8_dsp(const Pool2DInt8Params& p, const int8_t* input, int8_t* output) {
    dsp::AveragePool2D(p, input, output);
}

// Windows have at most 2^15 elements.
inline void average_pool_2d_int16_dsp(const Pool2DInt16Params& p, const int16_t* input, int16_t* output) {
    dsp::AveragePool2D(p, input, output);
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
