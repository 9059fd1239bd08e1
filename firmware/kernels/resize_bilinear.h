// RESIZE_BILINEAR: each output pixel is the mean of four input pixels, weighted by their distance.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/basics.h"

namespace kerf {

//   row_scale, column_scale  input pixels per output pixel; for integers in units of 1/1024
//   half_pixel_centers       a pixel's position is its center, not its upper left corner
template <typename T>
struct ResizeBilinearParams {
    int32_t batches, height, width, depth;
    int32_t output_height, output_width;
    T row_scale, column_scale;
    bool half_pixel_centers;
};
using ResizeBilinearIntegerParams = ResizeBilinearParams<int32_t>;
using ResizeBilinearFloat32Params = ResizeBilinearParams<float>;

namespace internal {

// The position of an output pixel along an axis of the input, and the two input pixels around it.
template <typename T>
struct Between {
    T at;
    int32_t lower, upper;
};

inline Between<int32_t> PlaceBetween(int32_t position, int32_t scale, bool half_pixel_centers, int32_t size) {
    const int32_t at = position * scale + (half_pixel_centers ? scale / 2 - 512 : 0);
    return {at, Max(at / 1024, int32_t{0}), Min((at + 1023) / 1024, size - 1)};
}

inline Between<float> PlaceBetween(int32_t position, float scale, bool half_pixel_centers, int32_t size) {
    const float x = static_cast<float>(position);
    const float at = half_pixel_centers ? (x + 0.5f) * scale - 0.5f : x * scale;
    const int32_t lower = Max(static_cast<int32_t>(floorf(at)), int32_t{0});
    return {at, lower, Min(static_cast<int32_t>(ceilf(at)), size - 1)};
}

// Must equal TFLM, and LiteRT for int16: ResizeBilinear and ResizeBilinearInteger in reference/resize_bilinear.h;
// mix(row, column) returns a function of the four pixels' values of one channel.
template <typename T, typename Params, typename Mix>
inline void ResizeBilinear(const Params& p, const T* input, T* output, Mix mix) {
    for (int32_t batch = 0; batch < p.batches; ++batch) {
        for (int32_t y = 0; y < p.output_height; ++y) {
            const auto row = PlaceBetween(y, p.row_scale, p.half_pixel_centers, p.height);
            const T* const above = input + row.lower * p.width * p.depth;
            const T* const below = input + row.upper * p.width * p.depth;
            for (int32_t x = 0; x < p.output_width; ++x) {
                const auto column = PlaceBetween(x, p.column_scale, p.half_pixel_centers, p.width);
                const int32_t left = column.lower * p.depth, right = column.upper * p.depth;
                const auto pixel = mix(row, column);
                for (int32_t c = 0; c < p.depth; ++c) {
                    *output++ = pixel(above[left + c], below[left + c], above[right + c], below[right + c]);
                }
            }
        }
        input += p.height * p.width * p.depth;
    }
}

// Sum can hold 2^22 times an element.
template <typename Sum, typename T>
inline void ResizeBilinearInteger(const ResizeBilinearIntegerParams& params, const T* input, T* output) {
    ResizeBilinear(params, input, output, [](Between<int32_t> row, Between<int32_t> column) {
        const int32_t down = row.at - 1024 * row.lower, across = column.at - 1024 * column.lower;
        const int32_t up = 1024 - down, back = 1024 - across;
        return [a = up * back, b = down * back, c = up * across, d = down * across](Sum above_left, Sum below_left,
                                                                                    Sum above_right, Sum below_right) {
            const Sum sum = above_left * a + below_left * b + above_right * c + below_right * d;
            return static_cast<T>((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
        };
    });
}

}  // namespace internal

inline void resize_bilinear_int8(const ResizeBilinearIntegerParams& params, const int8_t* input, int8_t* output) {
    internal::ResizeBilinearInteger<int32_t>(params, input, output);
}

inline void resize_bilinear_int16(const ResizeBilinearIntegerParams& params, const int16_t* input, int16_t* output) {
    internal::ResizeBilinearInteger<int64_t>(params, input, output);
}

inline void resize_bilinear_float32(const ResizeBilinearFloat32Params& params, const float* input, float* output) {
    using internal::Between;
    internal::ResizeBilinear(params, input, output, [](Between<float> row, Between<float> column) {
        const float down = row.at - static_cast<float>(row.lower),
                    across = column.at - static_cast<float>(column.lower);
        return [down, across, up = 1.0f - down, back = 1.0f - across](float above_left, float below_left,
                                                                      float above_right, float below_right) {
            return above_left * up * back + below_left * down * back + above_right * up * across +
                   below_right * down * across;
        };
    });
}

}  // namespace kerf
