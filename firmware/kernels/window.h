// Sliding windows and sums over them, as shared by CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and the pools.
//
// Sums of int8 products are uint32_t: addition modulo 2^32 gives the same numbers as TFLM's int32_t accumulators, and
// stays defined when a bias makes them overflow. Floats are added one by one, in TFLM's order.
#pragma once

#include <stdint.h>

#include "kernels/basics.h"

namespace kerf {

// The taps of a filter axis that fall inside the input: first … last - 1, none if first >= last.
struct TapRange {
    int32_t first, last;
};

// For a window whose first tap lies at `origin`, which is negative inside the padding.
inline TapRange TapsInside(int32_t origin, int32_t input_size, int32_t filter_size, int32_t dilation) {
    if (origin >= 0 && origin + (filter_size - 1) * dilation < input_size) return {0, filter_size};
    const int32_t first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t last = origin < input_size ? (input_size - origin + dilation - 1) / dilation : 0;
    return {first, Min(last, filter_size)};
}

// sum + product(in, weight), for which a core may have a single instruction.
template <typename Sum, typename Input, typename Weight, typename Product>
inline Sum AddProduct(Sum sum, Input in, Weight weight, Product product) {
    return sum + product(in, weight);
}

// sum + product(input[0], filter[0]) + product(input[1], filter[1]) + …, `count` products, added in this order.
// Weights, here and below, walks over a filter: a pointer, or a class of weights.h.
template <typename Sum, typename Input, typename Weights, typename Product>
inline Sum AddProducts(Sum sum, const Input* input, Weights filter, int32_t count, Product product) {
    for (; count >= 4; count -= 4) {
        sum = AddProduct(sum, input[0], filter[0], product);
        sum = AddProduct(sum, input[1], filter[1], product);
        sum = AddProduct(sum, input[2], filter[2], product);
        sum = AddProduct(sum, input[3], filter[3], product);
        input += 4;
        filter += 4;
    }
    for (; count > 0; --count) sum = AddProduct(sum, *input++, *filter++, product);
    return sum;
}

// Four sums at once over the same input, with filters that are `filter_step` elements apart. Not inlined, so that the
// surrounding code does not take its registers.
template <typename Sum, typename Input, typename Weights, typename Product>
[[gnu::noinline]] inline void AddProductsToFour(Sum (&sums)[4], const Input* input, Weights filter, int32_t filter_step,
                                                int32_t count, Product product) {
    Sum sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    Weights filter1 = filter + filter_step;
    Weights filter2 = filter1 + filter_step;
    Weights filter3 = filter2 + filter_step;
    for (const Input* end = input + count; input < end; ++input) {
        const Input element = *input;
        sum0 = AddProduct(sum0, element, *filter++, product);
        sum1 = AddProduct(sum1, element, *filter1++, product);
        sum2 = AddProduct(sum2, element, *filter2++, product);
        sum3 = AddProduct(sum3, element, *filter3++, product);
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

// A window in input and filter: rows of `count` runs of `length` contiguous elements. Steps are in elements, from one
// run or row to the next.
struct Runs {
    int32_t rows, count, length;
    int32_t input_step, input_row_step;
    int32_t filter_step, filter_row_step;
};

// Calls add(input, filter) for each run, in order. Weights is a pointer, here and below.
template <typename Input, typename Weights, typename Add>
inline void ForEachRun(const Input* input, Weights filter, const Runs& runs, Add add) {
    for (int32_t row = runs.rows; row > 0; --row) {
        for (int32_t i = 0; i < runs.count; ++i) add(input + i * runs.input_step, filter + i * runs.filter_step);
        input += runs.input_row_step;
        filter += runs.filter_row_step;
    }
}

// AddProductsToFour() over every run.
template <typename Sum, typename Input, typename Weights, typename Product>
inline void AddRunsToFour(Sum (&sums)[4], const Input* input, Weights filter, int32_t filter_step, const Runs& runs,
                          Product product) {
    ForEachRun(input, filter, runs, [&](const Input* in, Weights weights) {
        AddProductsToFour(sums, in, weights, filter_step, runs.length, product);
    });
}

// A window over a single channel of input and filter. Steps are in elements, from one column or row to the next.
struct Window {
    int32_t rows, columns;
    int32_t input_step, input_row_step;
    int32_t filter_step, filter_row_step;
};

// sum + the products of a window, row by row.
template <typename Sum, typename Input, typename Weights, typename Product>
inline Sum AddWindow(Sum sum, const Input* input, Weights filter, const Window& window, Product product) {
    for (int32_t row = window.rows; row > 0; --row) {
        const Input* in = input;
        Weights weight = filter;
        for (int32_t column = window.columns; column > 0; --column) {
            sum = AddProduct(sum, *in, *weight, product);
            in += window.input_step;
            weight += window.filter_step;
        }
        input += window.input_row_step;
        filter += window.filter_row_step;
    }
    return sum;
}

// The same for four consecutive channels.
template <typename Sum, typename Input, typename Weights, typename Product>
inline void AddWindowOfEach(Sum (&sums)[4], const Input* input, Weights filter, const Window& window, Product product) {
    Sum sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t row = window.rows; row > 0; --row) {
        const Input* in = input;
        Weights weight = filter;
        for (int32_t column = window.columns; column > 0; --column) {
            sum0 = AddProduct(sum0, in[0], weight[0], product);
            sum1 = AddProduct(sum1, in[1], weight[1], product);
            sum2 = AddProduct(sum2, in[2], weight[2], product);
            sum3 = AddProduct(sum3, in[3], weight[3], product);
            in += window.input_step;
            weight += window.filter_step;
        }
        input += window.input_row_step;
        filter += window.filter_row_step;
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}

// The number of channels that AddWindowOfEach() computes at a time.
template <typename Weights, typename Product>
inline constexpr int32_t kChannelsTogether = 4;

// finish() for consecutive channels, beginning with `channel`; returns the end of the output.
template <int32_t count, typename Sum, typename Output, typename Finish>
inline Output* FinishEach(const Sum (&sums)[count], int32_t channel, Output* output, const Finish& finish) {
    for (int32_t i = 0; i < count; ++i) *output++ = finish(sums[i], channel + i);
    return output;
}

}  // namespace kerf
