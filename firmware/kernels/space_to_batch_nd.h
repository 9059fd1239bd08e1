// SPACE_TO_BATCH_ND: an image padded, then split into images of every n-th pixel, for any type.
#pragma once

#include <stdint.h>
#include <string.h>

namespace kerf {

//   block_height, block_width  n in each direction
//   top, left                  padding before the image
//   pixel_bytes                bytes of all channels of a pixel
//   fill                       value of each byte of the padding
struct SpaceToBatchNdParams {
    int32_t batches, height, width;
    int32_t block_height, block_width;
    int32_t top, left;
    int32_t output_height, output_width;
    int32_t pixel_bytes;
    int32_t fill;
};

// Image b of the input becomes the images (r * block_width + c) * batches + b of the output, each with the pixels in
// row r and column c of all blocks. Input and output do not overlap. Must equal LiteRT: SpaceToBatchND in
// reference/space_to_batch_nd.h; TFLM's leaves the padding value unset.
inline void space_to_batch_nd(const SpaceToBatchNdParams& p, const void* input, void* output) {
    const auto* const image = static_cast<const uint8_t*>(input);
    auto* to = static_cast<uint8_t*>(output);
    const auto bytes = static_cast<size_t>(p.pixel_bytes);
    for (int32_t block = 0; block < p.block_height * p.block_width; ++block) {
        const int32_t first_row = block / p.block_width - p.top;
        const int32_t first_column = block % p.block_width - p.left;
        for (int32_t b = 0; b < p.batches; ++b) {
            for (int32_t y = 0; y < p.output_height; ++y) {
                const int32_t row = y * p.block_height + first_row;
                for (int32_t x = 0; x < p.output_width; ++x) {
                    const int32_t column = x * p.block_width + first_column;
                    if (row >= 0 && row < p.height && column >= 0 && column < p.width) {
                        memcpy(to, image + ((b * p.height + row) * p.width + column) * p.pixel_bytes, bytes);
                    } else {
                        memset(to, p.fill, bytes);
                    }
                    to += p.pixel_bytes;
                }
            }
        }
    }
}

}  // namespace kerf
