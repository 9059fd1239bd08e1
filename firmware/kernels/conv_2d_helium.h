// CONV_2D of int8 for cores with Helium. Must equal conv_2d_int8() of conv_2d.h.
//
// Computes four output positions and two channels at a time. The windows of the four positions are interleaved in a
// tile in chunks of 16 elements, once for all channels: two loads of weights and four of inputs then serve eight
// VMLADAVA of 16 products.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/basics.h"
#include "kernels/conv_2d.h"
#include "kernels/helium.h"

namespace kerf {

namespace helium {

inline constexpr int32_t kPositions = 4;

constexpr int32_t Chunks(const Conv2DInt8Params& p) {
    return Chunks(p.filter_height * p.filter_width * p.input_depth);
}

// How windows get into the tile: pixels of a pointwise layer, one gather load per chunk for small windows, whole chunks
// of pixels, or runs of any length, from which each window is assembled first.
enum class Source { kPixels, kElements, kChunks, kRuns };

constexpr int32_t Reach(int32_t taps, int32_t dilation) {
    return (taps - 1) * dilation + 1;
}

constexpr Source SourceOf(const Conv2DInt8Params& p) {
    if (IsPointwise(p)) return Source::kPixels;
    if (p.input_depth % kLanes == 0) return Source::kChunks;
    const int32_t rows = Reach(p.filter_height, p.dilation_height);
    const int32_t columns = Reach(p.filter_width, p.dilation_width);
    const bool fits_bytes = p.input_height + rows <= 256 && p.input_width + columns <= 256 &&
                            ((rows - 1) * p.input_width + columns) * p.input_depth <= 256;
    return fits_bytes ? Source::kElements : Source::kRuns;
}

constexpr int32_t Conv2DScratchBytes(const Conv2DInt8Params& p) {
    const Source source = SourceOf(p);
    const int32_t more = source == Source::kElements ? 3 : (source == Source::kRuns ? 1 : 0);
    return (kPositions + more) * kLanes * Chunks(p);
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

// The next window: its position, and the rows and columns of output left in its image and row.
struct Walk {
    const int8_t* image;
    int32_t top, left;
    int32_t rows, columns;
};

// Whether all of a window is inside the image.
struct Inside {
    explicit Inside(const Conv2DInt8Params& p)
        : last_top(p.input_height - Reach(p.filter_height, p.dilation_height)),
          last_left(p.input_width - Reach(p.filter_width, p.dilation_width)) {}

    bool operator()(const Walk& walk) const {
        return walk.top >= 0 && walk.top <= last_top && walk.left >= 0 && walk.left <= last_left;
    }

    const int32_t last_top, last_left;
};

// Each of the following copies windows to a tile, in chunks that begin kTileStep bytes apart. Its constructor gets the
// scratch beyond the tile.
inline constexpr int32_t kTileStep = kPositions * kLanes;

// Uses tables of the elements of a window: how far they are from the first, and their rows and columns in it.
class ElementWindows {
  public:
    ElementWindows(const Conv2DInt8Params& p, int8_t* scratch)
        : p_(p), offsets_(reinterpret_cast<uint8_t*>(scratch)), length_(kLanes * Chunks(p)), inside_(p) {}

    static void Prepare(const Conv2DInt8Params& p, int8_t* scratch) {
        const int32_t length = kLanes * Chunks(p);
        auto* element = reinterpret_cast<uint8_t*>(scratch);
        memset(element, 0, 3 * static_cast<size_t>(length));
        for (int32_t i = 0; i < p.filter_height; ++i) {
            for (int32_t j = 0; j < p.filter_width; ++j) {
                const int32_t row = i * p.dilation_height, column = j * p.dilation_width;
                for (int32_t channel = 0; channel < p.input_depth; ++channel, ++element) {
                    element[0] = static_cast<uint8_t>((row * p.input_width + column) * p.input_depth + channel);
                    element[length] = static_cast<uint8_t>(row);
                    element[2 * length] = static_cast<uint8_t>(column);
                }
            }
        }
    }

    void Copy(const Walk& walk, int8_t* to) const {
        const int8_t* const from = walk.image + (walk.top * p_.input_width + walk.left) * p_.input_depth;
        const uint8_t* offset = offsets_;
        const uint8_t* const end = offsets_ + length_;
        if (inside_(walk)) {
            for (; offset != end; offset += kLanes, to += kTileStep) {
                vstrbq_s8(to, vldrbq_gather_offset_s8(from, vldrbq_u8(offset)));
            }
            return;
        }
        const auto top = static_cast<uint8_t>(walk.top), left = static_cast<uint8_t>(walk.left);
        const uint8x16_t height = vdupq_n_u8(static_cast<uint8_t>(p_.input_height));
        const uint8x16_t width = vdupq_n_u8(static_cast<uint8_t>(p_.input_width));
        const int8x16_t padding = vdupq_n_s8(static_cast<int8_t>(-p_.input_offset));
        for (; offset != end; offset += kLanes, to += kTileStep) {
            const mve_pred16_t in_rows = vcmphiq_u8(height, vaddq_n_u8(vldrbq_u8(offset + length_), top));
            const mve_pred16_t in_both =
                vcmphiq_m_u8(width, vaddq_n_u8(vldrbq_u8(offset + 2 * length_), left), in_rows);
            vstrbq_s8(to, vpselq_s8(vldrbq_gather_offset_z_s8(from, vldrbq_u8(offset), in_both), padding, in_both));
        }
    }

  private:
    const Conv2DInt8Params& p_;
    const uint8_t* offsets_;
    const int32_t length_;
    const Inside inside_;
};

// Copies chunks, at least one, to every kTileStep bytes; returns where the next one goes. In assembly, because the
// compiler counts in a register of its own.
inline int8_t* CopyChunks(const int8_t* from, int32_t chunks, int8_t* to) {
#if defined(__ARM_FEATURE_MVE)
    asm volatile(R"(
        dls       lr, %[chunks]
    1:  vldrb.8   q0, [%[from]], #16
        vstrb.8   q0, [%[to]], #64
        le        lr, 1b
    )"
                 : [from] "+r"(from), [to] "+r"(to)
                 : [chunks] "r"(chunks)
                 : "lr", "q0", "memory");
    static_assert(kTileStep == 64);
#else
    for (; chunks > 0; --chunks, from += kLanes, to += kTileStep) vstrbq_s8(to, vldrbq_s8(from));
#endif
    return to;
}

// Copies whole chunks.
class ChunkWindows {
  public:
    ChunkWindows(const Conv2DInt8Params& p, int8_t*)
        : p_(p),
          row_step_(p.dilation_height * p.input_width * p.input_depth),
          inside_(p),
          run_chunks_(p.dilation_width == 1 ? p.filter_width * p.input_depth / kLanes : 0) {}

    static void Prepare(const Conv2DInt8Params&, int8_t*) {}

    void Copy(const Walk& walk, int8_t* to) const {
        const int8_t* row = walk.image + (walk.top * p_.input_width + walk.left) * p_.input_depth;
        if (inside_(walk) && run_chunks_ != 0) {
            for (int32_t i = p_.filter_height; i > 0; --i, row += row_step_) to = CopyChunks(row, run_chunks_, to);
        } else {
            CopyTaps(walk, row, to);
        }
    }

  private:
    [[gnu::noinline]] void CopyTaps(const Walk& walk, const int8_t* row, int8_t* to) const {
        const int32_t chunks = p_.input_depth / kLanes, step = p_.dilation_width * p_.input_depth;
        const int8x16_t padding = vdupq_n_s8(static_cast<int8_t>(-p_.input_offset));
        for (int32_t i = 0, y = walk.top; i < p_.filter_height; ++i, y += p_.dilation_height, row += row_step_) {
            const int8_t* from = row;
            for (int32_t j = 0, x = walk.left; j < p_.filter_width; ++j, x += p_.dilation_width, from += step) {
                if (y >= 0 && y < p_.input_height && x >= 0 && x < p_.input_width) {
                    to = CopyChunks(from, chunks, to);
                } else {
                    for (int32_t left = chunks; left > 0; --left, to += kTileStep) vstrbq_s8(to, padding);
                }
            }
        }
    }

    const Conv2DInt8Params& p_;
    const int32_t row_step_;
    const Inside inside_;
    const int32_t run_chunks_;  // 0 if columns are apart
};

// Assembles each window from the runs of its pixels that are inside the image.
class RunWindows {
  public:
    RunWindows(const Conv2DInt8Params& p, int8_t* scratch)
        : p_(p),
          row_step_(p.dilation_height * p.input_width * p.input_depth),
          run_(p.filter_width * p.input_depth),
          inside_(p),
          window_(scratch) {}

    static void Prepare(const Conv2DInt8Params&, int8_t*) {}

    void Copy(const Walk& walk, int8_t* to) const {
        if (inside_(walk) && p_.dilation_width == 1) {
            const int8_t* row = walk.image + (walk.top * p_.input_width + walk.left) * p_.input_depth;
            int8_t* run = window_;
            for (int32_t i = p_.filter_height; i > 0; --i, row += row_step_, run += run_) CopyRun(row, run_, run);
        } else {
            Assemble(walk);
        }
        CopyChunks(window_, Chunks(p_), to);
    }

  private:
    [[gnu::noinline]] void Assemble(const Walk& walk) const {
        const TapRange rows = TapsInside(walk.top, p_.input_height, p_.filter_height, p_.dilation_height);
        const TapRange taps = TapsInside(walk.left, p_.input_width, p_.filter_width, p_.dilation_width);
        const int8x16_t padding = vdupq_n_s8(static_cast<int8_t>(-p_.input_offset));
        for (int32_t i = 0; i < Chunks(p_); ++i) vstrbq_s8(window_ + i * kLanes, padding);
        const int32_t together = p_.dilation_width == 1 ? Max(taps.last - taps.first, int32_t{1}) : 1;
        for (int32_t i = rows.first; i < rows.last; ++i) {
            for (int32_t j = taps.first; j < taps.last; j += together) {
                const int32_t y = walk.top + i * p_.dilation_height, x = walk.left + j * p_.dilation_width;
                CopyRun(walk.image + (y * p_.input_width + x) * p_.input_depth, together * p_.input_depth,
                        window_ + i * run_ + j * p_.input_depth);
            }
        }
    }

    const Conv2DInt8Params& p_;
    const int32_t row_step_, run_;
    const Inside inside_;
    int8_t* const window_;
};

// Writes the next windows to the tile; if fewer than kPositions are left, repeats the last.
template <typename Windows>
[[gnu::noinline]] void FillWindows(const Conv2DInt8Params& p, Walk& walk, int32_t count, int8_t* tile) {
    const Windows windows(p, tile + kTileStep * Chunks(p));
    for (int32_t j = 0; j < kPositions; ++j, tile += kLanes) {
        windows.Copy(walk, tile);
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
[[gnu::noinline]] inline void FillPixels(const Conv2DInt8Params& p, Walk& walk, int32_t count, int8_t* tile) {
    int32_t depth = p.input_depth;
    const int8_t* first = walk.image;
    const int8_t* second = first + Min(count - 1, int32_t{1}) * depth;
    const int8_t* third = first + Min(count - 1, int32_t{2}) * depth;
    const int8_t* fourth = first + Min(count - 1, int32_t{3}) * depth;
    walk.image += kPositions * depth;
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

using FillTile = void (*)(const Conv2DInt8Params& p, Walk& walk, int32_t count, int8_t* tile);

inline void Conv2DInt8(const Conv2DInt8Params& p, FillTile fill, ConvBlock block, const int8_t* input,
                       const int8_t* packed, int8_t* scratch, int8_t* output) {
    const int32_t chunks = Chunks(p), pairs = p.output_depth / 2;
    const int8_t* const last_pair = packed + pairs * (2 * kLanes * chunks + 6 * int32_t{sizeof(int32_t)});
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
        fill(p, walk, left, scratch);
        block(scratch, packed, chunks, pairs, offsets, p.output_offset, output);
        if (p.output_depth % 2 != 0) {  // the last two channels, one of them again
            block(scratch, last_pair, chunks, 1, offsets, p.output_offset, output + p.output_depth - 2);
        }
        output += kPositions * p.output_depth;
    }
}

// `input` and `output` may overlap: see conv_2d_int8_helium().
template <Source kSource>
inline void Conv2DInt8From(const Conv2DInt8Params& p, ConvBlock block, const int8_t* input, const int8_t* packed,
                           int8_t* scratch, int8_t* output) {
    if constexpr (kSource == Source::kPixels) {
        Conv2DInt8(p, FillPixels, block, input, packed, scratch, output);
    } else {
        using Others = typename Choice<kSource == Source::kChunks, ChunkWindows, RunWindows>::Type;
        using Windows = typename Choice<kSource == Source::kElements, ElementWindows, Others>::Type;
        Windows::Prepare(p, scratch + kTileStep * Chunks(p));
        Conv2DInt8(p, FillWindows<Windows>, block, input, packed, scratch, output);
    }
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
    helium::Conv2DInt8From<helium::SourceOf(p)>(kFlattened,
                                                helium::ConvBlockInt8<(p.activation_min != p.output_offset)>, input,
                                                packed, reinterpret_cast<int8_t*>(scratch), output);
}

}  // namespace kerf
