// BATCH_MATMUL, portable: products of matrices, in as many batches as the other dimensions have. Must equal TFLM's
// BatchMatMul in tensorflow/lite/kernels/internal/reference/batch_matmul.h, which sums in the same order.
//
//   input1  matrices of rows x depth      input2  matrices of depth x columns
//   output  [shape[0]][shape[1]][shape[2]][rows][columns], must not overlap the inputs
//
// Steps say how a matrix is stored: transposed or not, the kernel reads it where it is.
#pragma once

#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/float_products.h"
#include "kernels/window.h"

namespace kerf {

// Sizes are at least 1. Strides lead from one matrix to the next, 0 repeats a matrix; steps lead from one row, column
// or element of a sum to the next. All are in elements. Offsets are negated zero points (-127 … 128), output_offset is
// the output's zero point.
struct BatchMatmulInt8Params {
    int32_t shape[3], strides1[3], strides2[3];
    int32_t rows, depth, columns;
    int32_t row_step, depth_step1, depth_step2, column_step;
    int32_t input1_offset, input2_offset, output_offset;
    int32_t multiplier, shift;
};

// multiplier and right_shift: see MultiplyByQuantizedMultiplier for sums of 64 bits.
struct BatchMatmulInt16Params {
    int32_t shape[3], strides1[3], strides2[3];
    int32_t rows, depth, columns;
    int32_t row_step, depth_step1, depth_step2, column_step;
    int16_t multiplier;
    int8_t right_shift;
};

struct BatchMatmulFloat32Params {
    int32_t shape[3], strides1[3], strides2[3];
    int32_t rows, depth, columns;
    int32_t row_step, depth_step1, depth_step2, column_step;
};

namespace internal {

// Adds the products of a row and four columns that are `column_step` elements apart.
template <typename Sum, typename Params, typename T, typename Product>
[[gnu::noinline]] inline void AddProductsToFourColumns(Sum (&sums)[4], const Params& p, const T* row, const T* column,
                                                       Product product) {
    Sum sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t i = p.depth; i > 0; --i) {
        const T element = *row;
        sum0 = AddProduct(sum0, element, column[0], product);
        sum1 = AddProduct(sum1, element, column[p.column_step], product);
        sum2 = AddProduct(sum2, element, column[2 * p.column_step], product);
        sum3 = AddProduct(sum3, element, column[3 * p.column_step], product);
        row += p.depth_step1;
        column += p.depth_step2;
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

// start(row) is the initial value of every sum over a row, product(first, second) is one term of a sum, finish(sum)
// turns it into an output element.
template <typename Sum, typename Params, typename T, typename Start, typename Product, typename Finish>
inline T* MatrixProduct(const Params& p, const T* input1, const T* input2, T* output, Start start, Product product,
                        Finish finish) {
    for (int32_t i = 0; i < p.rows; ++i, input1 += p.row_step) {
        const Sum first = start(input1);
        const T* column = input2;
        int32_t left = p.columns;
        for (; left >= 4; left -= 4, column += 4 * p.column_step) {
            Sum sums[4] = {first, first, first, first};
            AddProductsToFourColumns(sums, p, input1, column, product);
            for (const Sum sum : sums) *output++ = finish(sum);
        }
        for (; left > 0; --left, column += p.column_step) {
            const Window window = {1, p.depth, p.depth_step1, 0, p.depth_step2, 0};
            *output++ = finish(AddWindow(first, input1, column, window, product));
        }
    }
    return output;
}

template <typename Sum, typename Params, typename T, typename Start, typename Product, typename Finish>
inline void BatchMatmul(const Params& p, const T* input1, const T* input2, T* output, Start start, Product product,
                        Finish finish) {
    for (int32_t i0 = 0; i0 < p.shape[0]; ++i0) {
        for (int32_t i1 = 0; i1 < p.shape[1]; ++i1) {
            for (int32_t i2 = 0; i2 < p.shape[2]; ++i2) {
                const T* first = input1 + i0 * p.strides1[0] + i1 * p.strides1[1] + i2 * p.strides1[2];
                const T* second = input2 + i0 * p.strides2[0] + i1 * p.strides2[1] + i2 * p.strides2[2];
                output = MatrixProduct<Sum>(p, first, second, output, start, product, finish);
            }
        }
    }
}

}  // namespace internal

inline void batch_matmul_int8(const BatchMatmulInt8Params& p, const int8_t* input1, const int8_t* input2,
                              int8_t* output) {
    internal::BatchMatmul<uint32_t>(
        p, input1, input2, output,
        [&p](const int8_t* row) {
            // The second zero point adds the same number to every sum: input2_offset * (sum of the row).
            uint32_t sum = 0;
            if (p.input2_offset != 0) {
                for (int32_t i = 0; i < p.depth; ++i) {
                    sum += static_cast<uint32_t>(p.input2_offset * (row[i * p.depth_step1] + p.input1_offset));
                }
            }
            return sum;
        },
        [offset = p.input1_offset](int32_t a, int32_t b) { return static_cast<uint32_t>((a + offset) * b); },
        [&p](uint32_t sum) { return RequantizeToInt8(sum, 0, p.multiplier, p.shift, p.output_offset, -128, 127); });
}

// Both inputs and the output are symmetric. Sums are exact, since depth is less than 2^17.
inline void batch_matmul_int16(const BatchMatmulInt16Params& p, const int16_t* input1, const int16_t* input2,
                               int16_t* output) {
    internal::BatchMatmul<int64_t>(
        p, input1, input2, output, [](const int16_t*) { return int64_t{0}; },
        [](int32_t a, int32_t b) { return static_cast<int64_t>(a) * b; },
        [&p](int64_t sum) {
            return static_cast<int16_t>(
                Clamp(MultiplyByQuantizedMultiplier(sum, p.multiplier, p.right_shift), -32768, 32767));
        });
}

inline void batch_matmul_float32(const BatchMatmulFloat32Params& p, const float* input1, const float* input2,
                                 float* output) {
    internal::BatchMatmul<float>(
        p, input1, input2, output, [](const float*) { return 0.0f; }, FloatProduct(), [](float sum) { return sum; });
}

}  // namespace kerf
