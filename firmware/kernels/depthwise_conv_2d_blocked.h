// DEPTHWISE_CONV_2D for cores without an extension: several output columns at a time, so that each weight is loaded
// once for all of them. Must equal depthwise_conv_2d_int8() and, with a 64-bit bias or none, depthwise_conv_2d_int16()
// of depthwise_conv_2d.h.
//
// The input rows of an output row are copied, with their padding, into a ring. The sums exclude the input offset: it is
// folded into the bias, and padding is the zero point. Requantization is that of conv_2d_blocked.h or, for int16, of
// conv_2d_int16_dsp.h, which also gives the limits of the sums.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/conv_2d_blocked.h"
#include "kernels/conv_2d_int16_dsp.h"
#include "kernels/depthwise_conv_2d.h"

namespace kerf {

namespace blocked {

constexpr int32_t RingRows(const DepthwiseConv2DInt8Params& p) {
    return (p.filter_height - 1) * p.dilation_height + 1;
}

constexpr int32_t RingRowElements(const DepthwiseConv2DInt8Params& p) {
    const int32_t reach = (p.output_width - 1) * p.stride_width + (p.filter_width - 1) * p.dilation_width + 1;
    return p.input_depth * Max(reach, p.padding_left + p.input_width);
}

constexpr int32_t DepthwiseScratchWords(const DepthwiseConv2DInt8Params& p, int32_t element_bytes) {
    return (RingRows(p) * RingRowElements(p) * element_bytes + 3) / 4;
}

// How sums become outputs; `packed` are the kNumbers words of a channel, the bias first.
template <bool kNegatives>
struct ToInt8 {
    using Element = int8_t;
    static constexpr int32_t kNumbers = 4;  // bias, 2m - 2^32, 2^(n-1) + zero point * 2^n, n

    static int8_t Finish(uint32_t sum, const int32_t* packed) {
        return Requantize<kNegatives>(sum, packed[1], packed[2], packed[3]);
    }
};

template <bool kRelu>
struct ToInt16 {
    using Element = int16_t;
    static constexpr int32_t kNumbers = 2;  // bias, m * 2^(32-r)
    static constexpr bool kIsRelu = kRelu;

    static int16_t Finish(uint32_t sum, const int32_t* packed) { return dsp::RequantizeInt16<kRelu>(sum, packed[1]); }
};

// The ring's rows that a window reads: the first, and the elements from each row to the next; a row that would begin at
// `end` or beyond begins `ring` elements earlier.
template <typename Element>
struct RingRowsOf {
    const Element* first;
    const Element* end;
    int32_t step, ring;

    const Element* Next(const Element* row) const {
        row += step;
        return row < end ? row : row - ring;
    }
};

// Computes all channels of some output columns, the first of whose windows begins `x` elements into the ring's rows.
//   packed  for each channel its weights, padded to whole words, and the numbers of To
// kFilter is the height and width of a filter without dilation, kStride the horizontal stride; both are 0 if they are
// only known at run time.
template <typename To, int32_t kFilter, int32_t kStride>
struct DepthwiseBlock {
    using Element = typename To::Element;

    // Computes some of the `left` columns that are left of a row; returns how many.
    static int32_t Compute(const DepthwiseConv2DInt8Params& p, const RingRowsOf<Element>& rows, int32_t x, int32_t left,
                           const int32_t* packed, Element* output) {
        constexpr int32_t kMost = kFilter != 0 ? 2 : 4;
        if (left < kMost) return Columns<1>(p, rows, x, packed, output);
        return Columns<kMost>(p, rows, x, packed, output);
    }

    template <int32_t kColumns>
    [[gnu::noinline]] static int32_t Columns(const DepthwiseConv2DInt8Params& p, const RingRowsOf<Element>& rows,
                                             int32_t x, const int32_t* packed, Element* output) {
        const int32_t depth = p.input_depth;
        const int32_t height = kFilter != 0 ? kFilter : p.filter_height;
        const int32_t width = kFilter != 0 ? kFilter : p.filter_width;
        const int32_t tap_step = kFilter != 0 ? depth : p.dilation_width * depth;
        const int32_t column_step = (kFilter != 0 ? kStride : p.stride_width) * depth;
        for (int32_t channel = 0; channel < depth; ++channel) {
            const auto* weights = reinterpret_cast<const int8_t*>(packed);
            packed += (height * width + 3) / 4;
            uint32_t sums[kColumns];
#pragma GCC unroll 4
            for (int32_t i = 0; i < kColumns; ++i) sums[i] = static_cast<uint32_t>(packed[0]);
            const auto* row = rows.first;
#pragma GCC unroll 3
            for (int32_t y = 0; y < height; ++y) {
                const auto* in = row + x + channel;
#pragma GCC unroll 3
                for (int32_t tap = 0; tap < width; ++tap) {
                    const int32_t weight = *weights++;
#pragma GCC unroll 4
                    for (int32_t i = 0; i < kColumns; ++i) {
                        sums[i] += static_cast<uint32_t>(weight * in[i * column_step]);
                    }
                    in += tap_step;
                }
                row = rows.Next(row);
            }
#pragma GCC unroll 4
            for (int32_t i = 0; i < kColumns; ++i) {
                output[i * depth] = To::Finish(sums[i], packed);
            }
            ++output;
            packed += To::kNumbers;
        }
        return kColumns;
    }
};

template <typename Block>
inline void DepthwiseRows(const DepthwiseConv2DInt8Params& p, const typename Block::Element* input,
                          const int32_t* packed, typename Block::Element* ring, typename Block::Element* output) {
    using Element = typename Block::Element;
    const int32_t row_elements = RingRowElements(p), ring_elements = RingRows(p) * row_elements;
    const int32_t image_row = p.input_width * p.input_depth, column = p.stride_width * p.input_depth;
    Element* const end = ring + ring_elements;
    memset(ring, -p.input_offset, sizeof(Element) * static_cast<size_t>(ring_elements));
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        Element* load_to = ring;
        int32_t loaded = 0;
        for (int32_t y = 0; y < p.output_height; ++y) {
            for (; loaded < y * p.stride_height + RingRows(p); ++loaded) {
                const int32_t from = loaded - p.padding_top;
                Element* const inside = load_to + p.padding_left * p.input_depth;
                if (from >= 0 && from < p.input_height) {
                    memcpy(inside, input + from * image_row, sizeof(Element) * static_cast<size_t>(image_row));
                } else {
                    memset(inside, -p.input_offset, sizeof(Element) * static_cast<size_t>(image_row));
                }
                load_to += row_elements;
                if (load_to == end) load_to = ring;
            }
            const RingRowsOf<Element> rows = {load_to, end, p.dilation_height * row_elements, ring_elements};
            int32_t x = 0, left = p.output_width;
            while (left > 0) {
                const int32_t columns = Block::Compute(p, rows, x, left, packed, output);
                x += columns * column;
                output += columns * p.input_depth;
                left -= columns;
            }
        }
        input += p.input_height * image_row;
    }
}

// For int16, the offsets in `p` are 0.
template <typename To, template <typename, int32_t, int32_t> typename Block = DepthwiseBlock>
inline void DepthwiseConv2D(const DepthwiseConv2DInt8Params& p, const typename To::Element* input,
                            const int32_t* packed, uint8_t* scratch, typename To::Element* output) {
    auto* const ring = reinterpret_cast<typename To::Element*>(scratch);
    const bool is_3x3 = p.filter_height == 3 && p.filter_width == 3 && p.dilation_height == 1 && p.dilation_width == 1;
    if (is_3x3 && p.stride_width == 1) {
        DepthwiseRows<Block<To, 3, 1>>(p, input, packed, ring, output);
    } else if (is_3x3 && p.stride_width == 2) {
        DepthwiseRows<Block<To, 3, 2>>(p, input, packed, ring, output);
    } else {
        DepthwiseRows<Block<To, 0, 0>>(p, input, packed, ring, output);
    }
    const int32_t elements = p.batches * p.output_height * p.output_width * p.input_depth;
    const bool is_limited = sizeof(typename To::Element) == 1
                                ? dsp::NarrowerThanInt8(p.activation_min, p.activation_max)
                                : dsp::NarrowerThanInt16(p.activation_min, p.activation_max);
    if (is_limited) dsp::ClampAll(output, elements, p.activation_min, p.activation_max);
}

// The parameters of an int16 layer for the loops above, with offsets of 0.
constexpr DepthwiseConv2DInt8Params WalkOf(const DepthwiseConv2DInt16Params& p) {
    return {p.batches,
            p.input_height,
            p.input_width,
            p.input_depth,
            p.filter_height,
            p.filter_width,
            p.output_height,
            p.output_width,
            p.depth_multiplier,
            p.stride_height,
            p.stride_width,
            p.dilation_height,
            p.dilation_width,
            p.padding_top,
            p.padding_left,
            0,
            0,
            p.activation_min,
            p.activation_max};
}

}  // namespace blocked

template <const DepthwiseConv2DInt8Params& p>
constexpr int32_t depthwise_conv_2d_int8_blocked_scratch_bytes() {
    return 4 * blocked::DepthwiseScratchWords(p, 1);
}

//   p        depth_multiplier is 1
//   packed   see DepthwiseBlock
//   scratch  depthwise_conv_2d_int8_blocked_scratch_bytes(), 4-byte aligned
//   output   may be the input if it is neither higher nor wider: each input row is copied before it is overwritten
template <const DepthwiseConv2DInt8Params& p>
inline void depthwise_conv_2d_int8_blocked(const int8_t* input, const int32_t* packed, uint8_t* scratch,
                                           int8_t* output) {
    static_assert(p.depth_multiplier == 1);
    blocked::DepthwiseConv2D<blocked::ToInt8<(p.activation_min != p.output_offset)>>(p, input, packed, scratch, output);
}

template <const DepthwiseConv2DInt16Params& p>
constexpr int32_t depthwise_conv_2d_int16_blocked_scratch_bytes() {
    return 4 * blocked::DepthwiseScratchWords(blocked::WalkOf(p), 2);
}

// The same for int16.
template <const DepthwiseConv2DInt16Params& p>
inline void depthwise_conv_2d_int16_blocked(const int16_t* input, const int32_t* packed, uint8_t* scratch,
                                            int16_t* output) {
    static_assert(p.depth_multiplier == 1);
    static constexpr DepthwiseConv2DInt8Params kWalk = blocked::WalkOf(p);
    blocked::DepthwiseConv2D<blocked::ToInt16<p.activation_min == 0>>(kWalk, input, packed, scratch, output);
}

}  // namespace kerf
