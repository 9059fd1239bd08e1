// CONV_2D of int8 for cores with Helium. Must equal conv_2d_int8() of conv_2d.h.
//
// Computes four output positions and two channels at a time. The windows of the four positions are interleaved in a
// tile in chunks of 16 elements, once for all channels: two loads of weights and four of inputs then serve eight
// VMLADAVA of 16 products.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"
#include "kernels/conv_2d.h"
#include "kernels/helium.h"

namespace kerf {

namespace helium {

inline constexpr int32_t kPositions = 4;

constexpr int32_t Chunks(const Conv2DInt8Params& p) {
    return Chunks(p.filter_height * p.filter_width * p.input_depth);
}

// Whether windows are copied straight into the tile, because every run fills whole chunks or is the only one; others
// are assembled first.
constexpr bool FillsTile(const Conv2DInt8Params& p) {
    return p.input_depth % kLanes == 0 || (p.filter_height == 1 && p.filter_width == 1);
}

constexpr int32_t Conv2DScratchBytes(const Conv2DInt8Params& p) {
    return (kPositions + (FillsTile(p) ? 0 : 1)) * kLanes * Chunks(p);
}

// Computes 2 * pairs channels of four positions.
//   packed   for every two channels: [chunks][2][16] weights, then bias, multiplier and shift of each
//   offsets  [4][2], the position's first and second channel in `output`
using ConvBlock = void (*)(const int8_t* tile, const int8_t* packed, int32_t chunks, int32_t pairs,
                           const uint16_t* offsets, int32_t zero_point, int8_t* output);

template <bool kNegatives>
[[gnu::noinline]] void ConvBlockInt8(const int8_t* tile, const int8_t* packed, int32_t chunks, int32_t pairs,
                                     const uint16_t* offsets, int32_t zero_point, int8_t* output) {
    const uint16x8_t to = vldrhq_u16(offsets);
    for (; pairs > 0; --pairs) {
        const Sums sums = SumsOfTile(tile, packed, chunks);
        const auto* const numbers = reinterpret_cast<const int32_t*>(packed);
        const int32x4_t first = Scale<kNegatives>(sums.first, numbers[0], numbers[1], numbers[2]);
        const int32x4_t second = Scale<kNegatives>(sums.second, numbers[3], numbers[4], numbers[5]);
        vstrbq_scatter_offset_s16(output, to, ToInt8(first, second, zero_point));
        packed += 6 * sizeof(int32_t);
        output += 2;
    }
}

// Copies a window that leaves the image or has gaps between its columns, [filter_height][filter_width][input_depth]
// from `top` and `left` on, to `to` in blocks of 16 bytes that begin `step` bytes apart.
[[gnu::noinline]] inline void CopyWindow(const Conv2DInt8Params& p, const int8_t* image, int32_t top, int32_t left,
                                         int8_t* to, int32_t step) {
    const int32_t row = p.filter_width * p.input_depth;
    const TapRange rows = TapsInside(top, p.input_height, p.filter_height, p.dilation_height);
    const TapRange taps = TapsInside(left, p.input_width, p.filter_width, p.dilation_width);
    const int8x16_t padding = vdupq_n_s8(static_cast<int8_t>(-p.input_offset));
    for (int32_t i = 0; i < Chunks(p); ++i) vstrbq_s8(to + i * step, padding);
    const int32_t together = p.dilation_width == 1 ? Max(taps.last - taps.first, int32_t{1}) : 1;
    for (int32_t i = rows.first; i < rows.last; ++i) {
        for (int32_t j = taps.first; j < taps.last; j += together) {
            const int32_t y = top + i * p.dilation_height, x = left + j * p.dilation_width;
            const int32_t at = i * row + j * p.input_depth;
            CopyRun(image + (y * p.input_width + x) * p.input_depth, together * p.input_depth,
                    to + at / kLanes * step + at % kLanes, step);
        }
    }
}

// The next window: its position, and the rows and columns of output left in its image and row.
struct Walk {
    const int8_t* image;
    int32_t top, left;
    int32_t rows, columns;
};

// Writes the next windows to the tile; if fewer than kPositions are left, repeats the last.
[[gnu::noinline]] inline void FillWindows(const Conv2DInt8Params& p, Walk& walk, int32_t count, int8_t* tile) {
    const int32_t chunks = Chunks(p), row = p.filter_width * p.input_depth;
    const int32_t row_step = p.dilation_height * p.input_width * p.input_depth;
    const int32_t last_top = p.input_height - 1 - (p.filter_height - 1) * p.dilation_height;
    const int32_t last_left = p.filter_width > 1 && p.dilation_width > 1 ? -1 : p.input_width - p.filter_width;
    int8_t* const window = tile + kPositions * kLanes * chunks;
    const bool fills_tile = FillsTile(p);
    const int32_t step = fills_tile ? kPositions * kLanes : kLanes;
    for (int32_t j = 0; j < kPositions; ++j, tile += kLanes) {
        int8_t* to = fills_tile ? tile : window;
        if (walk.top >= 0 && walk.top <= last_top && walk.left >= 0 && walk.left <= last_left) {
            const int8_t* from = walk.image + (walk.top * p.input_width + walk.left) * p.input_depth;
            for (int32_t i = 0; i < p.filter_height; ++i, from += row_step) to = CopyRun(from, row, to, step);
        } else {
            CopyWindow(p, walk.image, walk.top, walk.left, to, step);
        }
        if (!fills_tile) {
            for (int32_t i = 0; i < chunks; ++i) {
                vstrbq_s8(tile + i * kPositions * kLanes, vldrbq_s8(window + i * kLanes));
            }
        }
        if (j >= count - 1) continue;
        walk.left += p.stride_width;
        if (--walk.columns > 0) continue;
        walk.columns = p.output_width;
        walk.left = -p.padding_left;
        walk.top += p.stride_height;
        if (--walk.rows > 0) continue;
        walk.rows = p.output_height;
        walk.top = -p.padding_top;
        walk.image += p.input_height * p.input_width * p.input_depth;
    }
}

// The same for a pointwise convolution, whose windows are consecutive pixels.
[[gnu::noinline]] inline void FillPixels(const int8_t* first, int32_t depth, int32_t count, int8_t* tile) {
    const int8_t* second = first + Min(count - 1, int32_t{1}) * depth;
    const int8_t* third = first + Min(count - 1, int32_t{2}) * depth;
    const int8_t* fourth = first + Min(count - 1, int32_t{3}) * depth;
    for (; depth >= kLanes; depth -= kLanes, tile += kPositions * kLanes) {
        vstrbq_s8(tile, vldrbq_s8(first));
        vstrbq_s8(tile + kLanes, vldrbq_s8(second));
        vstrbq_s8(tile + 2 * kLanes, vldrbq_s8(third));
        vstrbq_s8(tile + 3 * kLanes, vldrbq_s8(fourth));
        first += kLanes, second += kLanes, third += kLanes, fourth += kLanes;
    }
    if (depth == 0) return;
    const mve_pred16_t some = vctp8q(static_cast<uint32_t>(depth));
    vstrbq_s8(tile, vldrbq_z_s8(first, some));
    vstrbq_s8(tile + kLanes, vldrbq_z_s8(second, some));
    vstrbq_s8(tile + 2 * kLanes, vldrbq_z_s8(third, some));
    vstrbq_s8(tile + 3 * kLanes, vldrbq_z_s8(fourth, some));
}

inline void Conv2DInt8(const Conv2DInt8Params& p, ConvBlock block, const int8_t* input, const int8_t* packed,
                       int8_t* scratch, int8_t* output) {
    const int32_t chunks = Chunks(p), pairs = p.output_depth / 2;
    const int8_t* const last_pair = packed + pairs * (2 * kLanes * chunks + 6 * int32_t{sizeof(int32_t)});
    const bool pointwise = IsPointwise(p);
    Walk walk = {input, -p.padding_top, -p.padding_left, p.output_height, p.output_width};
    int32_t left = p.batches * p.output_height * p.output_width;
    uint16_t offsets[2 * kPositions];
    for (int32_t j = 0; j < kPositions; ++j) {
        offsets[2 * j] = static_cast<uint16_t>(j * p.output_depth);
        offsets[2 * j + 1] = static_cast<uint16_t>(offsets[2 * j] + 1);
    }
    for (; left > 0; left -= kPositions) {
        for (int32_t j = left; j < kPositions; ++j) {
            offsets[2 * j] = offsets[2 * j - 2];
            offsets[2 * j + 1] = offsets[2 * j - 1];
        }
        if (pointwise) {
            FillPixels(input, p.input_depth, left, scratch);
            input += kPositions * p.input_depth;
        } else {
            FillWindows(p, walk, left, scratch);
        }
        block(scratch, packed, chunks, pairs, offsets, p.output_offset, output);
        if (p.output_depth % 2 != 0) {  // the last two channels, one of them again
            block(scratch, last_pair, chunks, 1, offsets, p.output_offset, output + p.output_depth - 2);
        }
        output += kPositions * p.output_depth;
    }
}

inline void Conv2DInt8Limited(const Conv2DInt8Params& p, ConvBlock block, const int8_t* input, const int8_t* packed,
                              int8_t* scratch, int8_t* output) {
    Conv2DInt8(p, block, input, packed, scratch, output);
    if (NarrowerThanInt8(p.activation_min, p.activation_max)) {
        ClampAll(output, p.batches * p.output_height * p.output_width * p.output_depth, p.activation_min,
                 p.activation_max);
    }
}

}  // namespace helium

template <const Conv2DInt8Params& p>
constexpr int32_t conv_2d_int8_helium_scratch_bytes() {
    return helium::Conv2DScratchBytes(p);
}

//   p        no groups, 2 … 21,844 output channels
//   packed   see helium::ConvBlock
//   scratch  conv_2d_int8_helium_scratch_bytes()
//   output   may begin below the input and overlap it: four positions are read before the first of them is written
template <const Conv2DInt8Params& p>
inline void conv_2d_int8_helium(const int8_t* input, const int8_t* packed, uint8_t* scratch, int8_t* output) {
    static_assert(p.output_depth >= 2 && p.filter_depth == p.input_depth);
    static constexpr Conv2DInt8Params kFlattened = Flattened(p);
    helium::Conv2DInt8Limited(kFlattened, helium::ConvBlockInt8<(p.activation_min != p.output_offset)>, input, packed,
                              reinterpret_cast<int8_t*>(scratch), output);
}

}  // namespace kerf
