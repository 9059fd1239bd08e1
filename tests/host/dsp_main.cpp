// Generated layers on stdin, each computed by a portable kernel and by its counterpart for the DSP extension, or in
// blocks. Prints the number of every layer whose outputs differ, of those that also were computed in place, and how
// many layers there were.
//
// A layer is int32 words, sizes in words before each array: its kind (an index into kLayers), the portable kernel's
// parameters, words of scratch more than are needed, and arrays of bytes, each filled up to words: weights, bias,
// multipliers, shifts, packed constants, input.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "kernels/add.h"
#include "kernels/add_dsp.h"
#include "kernels/average_pool_2d.h"
#include "kernels/conv_2d.h"
#include "kernels/conv_2d_blocked.h"
#include "kernels/conv_2d_dsp.h"
#include "kernels/conv_2d_int16_dsp.h"
#include "kernels/conv_2d_lean_dsp.h"
#include "kernels/depthwise_conv_2d.h"
#include "kernels/depthwise_conv_2d_3x3_dsp.h"
#include "kernels/depthwise_conv_2d_blocked.h"
#include "kernels/depthwise_conv_2d_dsp.h"
#include "kernels/depthwise_conv_2d_int16_dsp.h"
#include "kernels/fully_connected.h"
#include "kernels/fully_connected_dsp.h"
#include "kernels/fully_connected_hybrid_dsp.h"
#include "kernels/fully_connected_int16_dsp.h"
#include "kernels/fully_connected_streamed_dsp.h"
#include "kernels/max_pool_2d.h"
#include "kernels/mean.h"
#include "kernels/pool_2d_dsp.h"

namespace {

using namespace kerf;

// On the heap and of exactly the size that was asked for, so that the sanitizer sees every access beside it.
template <typename T>
class Array {
  public:
    explicit Array(int32_t elements) : bytes(elements * int32_t{sizeof(T)}), data_(new T[elements]) {}
    operator T*() const { return data_.get(); }

    const int32_t bytes;

  private:
    std::unique_ptr<T[]> data_;
};

int32_t ReadWord() {
    int32_t word = 0;
    return std::fread(&word, sizeof(word), 1, stdin) == 1 ? word : -1;
}

template <typename T>
Array<T> ReadArray() {
    const int32_t bytes = ReadWord();
    Array<T> array((bytes + int32_t{sizeof(T)} - 1) / int32_t{sizeof(T)});
    char fill[4];
    if (bytes > 0) std::fread(array, 1, static_cast<size_t>(bytes), stdin);
    std::fread(fill, 1, static_cast<size_t>(-bytes & 3), stdin);
    return array;
}

struct Layer {
    Array<int32_t> params = ReadArray<int32_t>();
    int32_t more_scratch = ReadWord();
    Array<int8_t> weights = ReadArray<int8_t>();
    Array<int32_t> bias = ReadArray<int32_t>(), multipliers = ReadArray<int32_t>(), shifts = ReadArray<int32_t>();
    Array<int32_t> packed = ReadArray<int32_t>();
    Array<int8_t> input = ReadArray<int8_t>();

    template <typename Params>
    Params As() const {
        Params p;
        if (params.bytes == sizeof(p)) std::memcpy(&p, params, sizeof(p));
        return p;
    }
};

// reference(output) and tested(input, scratch, output) must make the same of layer.input; also in place if they may.
template <typename Reference, typename Tested>
bool Equal(const Layer& layer, int32_t outputs, int32_t scratch_words, bool in_place, Reference reference,
           Tested tested) {
    const Array<int8_t> expected(outputs), output(outputs);
    const Array<uint32_t> scratch(scratch_words);
    reference(expected);
    tested(layer.input, scratch, output);
    if (std::memcmp(expected, output, static_cast<size_t>(outputs)) != 0) return false;
    if (!in_place) return true;
    const Array<int8_t> both(std::max(layer.input.bytes, outputs));
    std::memcpy(both, layer.input, static_cast<size_t>(layer.input.bytes));
    tested(both, scratch, both);
    return std::memcmp(expected, both, static_cast<size_t>(outputs)) == 0;
}

// Whether the output may begin where the input does.
bool OverwritesInput(const Conv2DInt8Params& p) {
    if (IsPointwise(p)) return p.output_depth <= p.input_depth;
    if (p.output_width * p.output_depth > p.input_width * p.input_depth || p.output_height > p.input_height)
        return false;
    // Rows that are not copied are read until the last window that begins in them, one row of the output after the
    // other.
    return !dsp::ReadsInput(p) || p.output_depth <= p.input_depth;
}

bool OverwritesInput(const DepthwiseConv2DInt8Params& p) {
    return p.depth_multiplier == 1 && p.output_width <= p.input_width && p.output_height <= p.input_height;
}

bool Conv2D(const Layer& layer) {
    const auto p = layer.As<Conv2DInt8Params>();
    const auto flattened = Flattened(p);
    const auto& block = p.activation_min == p.output_offset ? dsp::kConvInt8<false> : dsp::kConvInt8<true>;
    return Equal(
        layer, p.batches * p.output_height * p.output_width * p.output_depth,
        dsp::Int8SizesOf(p).window_words + dsp::RowsWords(p, 1), OverwritesInput(p),
        [&](int8_t* output) {
            conv_2d_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::Conv2DInt8(flattened, block, dsp::Int8SizesOf(flattened), input, layer.packed, scratch, output);
        });
}

bool LeanConv2D(const Layer& layer) {
    const auto p = layer.As<Conv2DInt8Params>();
    const auto block = p.activation_min == p.output_offset ? dsp::kLeanBlock<false> : dsp::kLeanBlock<true>;
    return Equal(
        layer, p.batches * p.output_height * p.output_width * p.output_depth, dsp::LeanWindowWords(p), false,
        [&](int8_t* output) {
            conv_2d_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::Conv2DLeanInt8(p, block, input, layer.packed, scratch, output);
        });
}

template <typename Tested>
bool Depthwise(const Layer& layer, const DepthwiseConv2DInt8Params& p, int32_t scratch_words, Tested tested) {
    return Equal(
        layer, p.batches * p.output_height * p.output_width * OutputDepth(p), scratch_words, OverwritesInput(p),
        [&](int8_t* output) {
            depthwise_conv_2d_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        tested);
}

bool DepthwiseConv2D(const Layer& layer) {
    const auto p = layer.As<DepthwiseConv2DInt8Params>();
    return Depthwise(layer, p, dsp::DepthwiseConv2DInt8ScratchWords(p),
                     [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
                         dsp::DepthwiseConv2DInt8(p, input, layer.packed, scratch, output);
                     });
}

bool DepthwiseConv2D3x3(const Layer& layer) {
    const auto p = layer.As<DepthwiseConv2DInt8Params>();
    const bool negatives = p.activation_min != p.output_offset;
    const auto channel = p.stride_width == 1
                             ? (negatives ? dsp::kDepthwiseChannel<true, 1> : dsp::kDepthwiseChannel<false, 1>)
                             : (negatives ? dsp::kDepthwiseChannel<true, 2> : dsp::kDepthwiseChannel<false, 2>);
    const int32_t words = dsp::DepthwiseConv2D3x3Int8ScratchWords(p) + layer.more_scratch;
    return dsp::Is3x3(p) && Depthwise(layer, p, words, [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
               dsp::DepthwiseConv2D3x3Int8(p, channel, input, layer.packed, scratch, words, output);
           });
}

bool FullyConnected(const Layer& layer) {
    const auto p = layer.As<FullyConnectedInt8Params>();
    const auto block =
        p.activation_min == p.output_offset ? dsp::kDenseBlock<int8_t, false> : dsp::kDenseBlock<int8_t, true>;
    return Equal(
        layer, p.batches * p.output_depth, dsp::FullyConnectedInt8ScratchWords(p),
        p.batches == 1 || p.output_depth <= p.input_depth,
        [&](int8_t* output) {
            fully_connected_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::FullyConnectedInt8(p, block, input, layer.packed, scratch, output);
        });
}

// The second operand comes as weights, the parameters of the tested kernel as packed constants.
bool Add(const Layer& layer) {
    const auto p = layer.As<AddInt8Params>();
    AddInt8DspParams q;
    std::memcpy(&q, layer.packed, sizeof(q));
    return Equal(
        layer, q.count, 0, true, [&](int8_t* output) { add_int8(p, layer.input, layer.weights, output); },
        [&](const int8_t* input, uint32_t*, int8_t* output) {
            if (q.output_min == q.output_zero_point) {
                dsp::AddInt8<false>(q, input, layer.weights, output);
            } else {
                dsp::AddInt8<true>(q, input, layer.weights, output);
            }
        });
}

bool MaxPool2D(const Layer& layer) {
    const auto p = layer.As<Pool2DInt8Params>();
    return Equal(
        layer, p.batches * p.output_height * p.output_width * p.depth, 0, false,
        [&](int8_t* output) { max_pool_2d_int8(p, layer.input, output); },
        [&](const int8_t* input, uint32_t*, int8_t* output) { max_pool_2d_int8_dsp(p, input, output); });
}

bool AveragePool2D(const Layer& layer) {
    const auto p = layer.As<Pool2DInt8Params>();
    return Equal(
        layer, p.batches * p.output_height * p.output_width * p.depth, 0, false,
        [&](int8_t* output) { average_pool_2d_int8(p, layer.input, output); },
        [&](const int8_t* input, uint32_t*, int8_t* output) { average_pool_2d_int8_dsp(p, input, output); });
}

bool Mean(const Layer& layer) {
    const auto p = layer.As<MeanPositionsInt8Params>();
    const MeanInt8Params whole = {{1, p.batches, p.depth},
                                  {0, p.positions * p.depth, 1},
                                  {1, 1, p.positions},
                                  {0, 0, p.depth},
                                  p.zero_point_sum,
                                  p.multiplier,
                                  p.shift,
                                  p.output_zero_point};
    return Equal(
        layer, p.batches * p.depth, 0, false, [&](int8_t* output) { mean_int8(whole, layer.input, output); },
        [&](const int8_t* input, uint32_t*, int8_t* output) { mean_positions_int8_dsp(p, input, output); });
}

// The arrays of an int16 or hybrid layer hold other numbers than their types say.
template <typename T>
const T* Of(const int8_t* bytes) {
    return reinterpret_cast<const T*>(bytes);
}
template <typename T>
T* Of(int8_t* bytes) {
    return reinterpret_cast<T*>(bytes);
}
template <typename T>
const T* Of(const int32_t* words) {
    return reinterpret_cast<const T*>(words);
}

bool FullyConnectedStreamed(const Layer& layer) {
    const auto p = layer.As<FullyConnectedInt8Params>();
    const auto block = p.activation_min == p.output_offset ? dsp::kStreamedBlock<false> : dsp::kStreamedBlock<true>;
    return Equal(
        layer, p.batches * p.output_depth, 0, false,
        [&](int8_t* output) {
            fully_connected_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        [&](const int8_t* input, uint32_t*, int8_t* output) {
            dsp::FullyConnectedStreamedInt8(p, block, input, layer.packed, output);
        });
}

template <typename Scheme>
bool FullyConnectedHybrid(const Layer& layer) {
    const auto p = layer.As<FullyConnectedFloat32Params>();
    const auto reference = kIsSame<Scheme, Symmetric> ? fully_connected_hybrid_symmetric : fully_connected_hybrid;
    const Array<uint8_t> row(fully_connected_hybrid_scratch_bytes(p));
    return Equal(
        layer, 4 * p.batches * p.output_depth, dsp::DensePairs(p.input_depth),
        p.batches == 1 || p.output_depth <= p.input_depth,
        [&](int8_t* output) {
            reference(p, Of<float>(layer.input), layer.weights, Of<float>(layer.bias), Of<float>(layer.multipliers),
                      row, Of<float>(output));
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::FullyConnectedHybrid<Scheme>(p, dsp::ToFloatsTwin, Of<float>(input), layer.packed, scratch,
                                              Of<float>(output));
        });
}

bool Conv2DOfInt16(const Layer& layer) {
    const auto p = layer.As<Conv2DInt16Params>();
    const auto walk = dsp::WalkOf(p);
    const auto& elements = p.activation_min == 0 ? dsp::kConvInt16<true> : dsp::kConvInt16<false>;
    return Equal(
        layer, 2 * p.batches * p.output_height * p.output_width * p.output_depth,
        dsp::Int16SizesOf(walk).window_words + dsp::RowsWords(walk, 2), OverwritesInput(dsp::WalkOf(p)),
        [&](int8_t* output) {
            conv_2d_int16<int64_t>(p, Of<int16_t>(layer.input), layer.weights, Of<int64_t>(layer.bias),
                                   Of<int16_t>(layer.multipliers), Of<int8_t>(layer.shifts), Of<int16_t>(output));
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::Conv2DInt16(walk, elements, dsp::Int16SizesOf(walk), Of<int16_t>(input), layer.packed, scratch,
                             Of<int16_t>(output));
        });
}

template <bool kWide>
bool FullyConnectedOfInt16(const Layer& layer) {
    const auto p = layer.As<FullyConnectedInt16Params>();
    const auto block = p.activation_min == 0 ? dsp::kDenseBlockInt16<true, kWide> : dsp::kDenseBlockInt16<false, kWide>;
    return Equal(
        layer, 2 * p.batches * p.output_depth, dsp::FullyConnectedInt16ScratchWords(p), false,
        [&](int8_t* output) {
            fully_connected_int16<int64_t>(p, Of<int16_t>(layer.input), layer.weights, Of<int64_t>(layer.bias),
                                           Of<int16_t>(layer.multipliers), Of<int8_t>(layer.shifts),
                                           Of<int16_t>(output));
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::FullyConnectedInt16(p, block, Of<int16_t>(input), layer.packed, scratch, Of<int16_t>(output));
        });
}

bool BlockedConv2D(const Layer& layer) {
    const auto p = layer.As<Conv2DInt8Params>();
    const auto flattened = Flattened(p);
    const auto& block = p.activation_min == p.output_offset ? blocked::kConv<false> : blocked::kConv<true>;
    return Equal(
        layer, p.batches * p.output_height * p.output_width * p.output_depth,
        blocked::SizesOf(p).window_words + dsp::RowsWords(p, 1), OverwritesInput(p),
        [&](int8_t* output) {
            conv_2d_int8(p, layer.input, layer.weights, layer.bias, layer.multipliers, layer.shifts, output);
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            dsp::Conv2DInt8(flattened, block, blocked::SizesOf(flattened), input, layer.packed, scratch, output);
        });
}

bool BlockedDepthwiseConv2D(const Layer& layer) {
    const auto p = layer.As<DepthwiseConv2DInt8Params>();
    const auto kernel = p.activation_min == p.output_offset ? blocked::DepthwiseConv2D<blocked::ToInt8<false>>
                                                            : blocked::DepthwiseConv2D<blocked::ToInt8<true>>;
    return Depthwise(layer, p, blocked::DepthwiseScratchWords(p, 1),
                     [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
                         kernel(p, input, layer.packed, reinterpret_cast<uint8_t*>(scratch), output);
                     });
}

template <template <typename, int32_t, int32_t> typename Block>
bool DepthwiseConv2DOfInt16(const Layer& layer) {
    const auto p = layer.As<DepthwiseConv2DInt16Params>();
    const auto walk = blocked::WalkOf(p);
    const auto kernel = p.activation_min == 0 ? blocked::DepthwiseConv2D<blocked::ToInt16<true>, Block>
                                              : blocked::DepthwiseConv2D<blocked::ToInt16<false>, Block>;
    return Equal(
        layer, 2 * p.batches * p.output_height * p.output_width * p.input_depth,
        blocked::DepthwiseScratchWords(walk, 2), OverwritesInput(walk),
        [&](int8_t* output) {
            depthwise_conv_2d_int16<int64_t>(p, Of<int16_t>(layer.input), layer.weights, Of<int64_t>(layer.bias),
                                             Of<int16_t>(layer.multipliers), Of<int8_t>(layer.shifts),
                                             Of<int16_t>(output));
        },
        [&](const int8_t* input, uint32_t* scratch, int8_t* output) {
            kernel(walk, Of<int16_t>(input), layer.packed, reinterpret_cast<uint8_t*>(scratch), Of<int16_t>(output));
        });
}

constexpr bool (*kLayers[])(const Layer&) = {
    Conv2D,
    DepthwiseConv2D,
    DepthwiseConv2D3x3,
    FullyConnected,
    Add,
    MaxPool2D,
    AveragePool2D,
    Mean,
    Conv2DOfInt16,
    FullyConnectedOfInt16<false>,
    FullyConnectedOfInt16<true>,
    DepthwiseConv2DOfInt16<dsp::DepthwiseInt16Block>,
    BlockedConv2D,
    BlockedDepthwiseConv2D,
    DepthwiseConv2DOfInt16<blocked::DepthwiseBlock>,
    LeanConv2D,
    FullyConnectedStreamed,
    FullyConnectedHybrid<Asymmetric>,
    FullyConnectedHybrid<Symmetric>,
};

}  // namespace

int main() {
    int number = 0;
    for (int32_t kind; (kind = ReadWord()) >= 0; ++number) {
        if (!kLayers[kind](Layer())) std::printf("%d\n", number);
    }
    std::printf("of %d\n", number);
}
