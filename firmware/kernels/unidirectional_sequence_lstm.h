// UNIDIRECTIONAL_SEQUENCE_LSTM, portable: for every step of a sequence, with h and c the hidden and the cell state,
//
//     input, forget, output gate = sigmoid(weights x + bias + recurrent weights h)
//     candidate = tanh(weights x + bias + recurrent weights h)
//     c = forget * c + input * candidate
//     h = output * tanh(c)
//
//   input              [batches][steps][input_depth], or [steps][batches][input_depth]: see LstmShape
//   input_weights      [4][units][input_depth], the gates in the file's order: input, forget, candidate, output
//   recurrent_weights  [4][units][units]
//   hidden, cell       [batches][units], the state, which is kept from one inference to the next
//   output             the hidden state of every step, in the input's order; must not overlap the input
//
// Must equal TFLM: EvalLstm in tensorflow/lite/micro/kernels/lstm_eval.h, float32 up to the C library's functions.
#pragma once

#include <math.h>
#include <stdint.h>

#include "kernels/fixed_point.h"
#include "kernels/fully_connected.h"
#include "kernels/logistic.h"
#include "kernels/tanh.h"

namespace kerf {

// Sizes are at least 1. Row b * batch_stride + t * step_stride of input and output belongs to step t of batch b.
struct LstmShape {
    int32_t batches, steps;
    int32_t input_depth, units;
    int32_t batch_stride, step_stride;
};

//   cell_clip  limit of the magnitude of the cell state; 0 for none
struct LstmFloat32Params {
    LstmShape shape;
    float cell_clip;
};

// Gates have scale 2^-12 before the sigmoid and 2^-15 after it; the cell state is an int16 with a scale that is a power
// of two. All multipliers and shifts are those of MultiplyByQuantizedMultiplier.
//   input_multipliers, …_shifts       [4]: input scale * weights' scale / 2^-12
//   recurrent_multipliers, …_shifts   [4]: hidden state's scale * weights' scale / 2^-12
//   cell_multiplier, …_shift          2^-30 / the cell state's scale
//   hidden_multiplier, …_shift        2^-30 / the hidden state's scale
//   hidden_zero_point                 -128 … 127; 0 for int16
//   cell_min, cell_max                the cell state's limits
//   tanh_multiplier, …_right_shift    cell state's scale * 3 * 2^12; see tanh.h
struct LstmInt8Params {
    LstmShape shape;
    int32_t input_multipliers[4], input_shifts[4];
    int32_t recurrent_multipliers[4], recurrent_shifts[4];
    int32_t cell_multiplier, cell_shift;
    int32_t hidden_multiplier, hidden_shift;
    int32_t hidden_zero_point;
    int32_t cell_min, cell_max;
    int32_t tanh_multiplier, tanh_right_shift;
};

// The same with the multipliers of 15 bits and right shifts for sums of 64 bits.
struct LstmInt16Params {
    LstmShape shape;
    int16_t input_multipliers[4];
    int8_t input_shifts[4];
    int16_t recurrent_multipliers[4];
    int8_t recurrent_shifts[4];
    int32_t cell_multiplier, cell_shift;
    int32_t hidden_multiplier, hidden_shift;
    int32_t hidden_zero_point;
    int32_t cell_min, cell_max;
    int32_t tanh_multiplier, tanh_right_shift;
};

namespace internal {

struct LstmDense {
    int32_t batches, input_depth, output_depth;
};

// Calls step(row of the input, hidden state, cell state) for every step, which updates the state, and copies the hidden
// state to the output.
template <typename Activation, typename Cell, typename Step>
inline void ForEachLstmStep(const LstmShape& shape, const Activation* input, Activation* hidden, Cell* cell,
                            Activation* output, Step step) {
    for (int32_t batch = 0; batch < shape.batches; ++batch) {
        int32_t row = batch * shape.batch_stride;
        for (int32_t i = 0; i < shape.steps; ++i, row += shape.step_stride) {
            step(input + row * shape.input_depth, hidden, cell);
            Activation* const result = output + row * shape.units;
            for (int32_t unit = 0; unit < shape.units; ++unit) result[unit] = hidden[unit];
        }
        hidden += shape.units;
        cell += shape.units;
    }
}

struct PortableRescale {
    int32_t operator()(int32_t x, int32_t multiplier, int32_t shift) const {
        return MultiplyByQuantizedMultiplier(x, multiplier, shift);
    }
    int32_t ToInt16(int32_t x) const { return Saturate<int16_t>(x); }
};

// One unit's new cell and hidden state from its gates in Q3.12. rescale() is MultiplyByQuantizedMultiplier,
// rescale.ToInt16() is Saturate.
template <typename Activation, typename Params, typename Rescale>
inline void UpdateLstmUnit(const Params& p, int32_t input_gate, int32_t forget_gate, int32_t candidate_gate,
                           int32_t output_gate, const uint16_t* sigmoids, int16_t& cell, Activation& hidden,
                           Rescale rescale) {
    constexpr int32_t kOneMultiplier = 1 << 30, kOneShift = -14;  // the forget gate's scale, 2^-15
    const int32_t forget = LogisticQ15(3 * forget_gate, sigmoids);
    const int32_t kept = rescale.ToInt16(rescale(forget * cell, kOneMultiplier, kOneShift));
    const int32_t candidate = LogisticQ15(3 * input_gate, sigmoids) * TanhQ15(3 * candidate_gate, sigmoids);
    const int32_t added = rescale.ToInt16(rescale(candidate, p.cell_multiplier, p.cell_shift));
    const int32_t sum = Clamp(kept + added, p.cell_min, p.cell_max);
    cell = static_cast<int16_t>(sum);
    const int32_t rounding = p.tanh_right_shift > 0 ? int32_t{1} << (p.tanh_right_shift - 1) : 0;
    const int32_t squashed = TanhQ15((sum * p.tanh_multiplier + rounding) >> p.tanh_right_shift, sigmoids);
    const int32_t product = squashed * LogisticQ15(3 * output_gate, sigmoids);
    hidden = Saturate<Activation>(rescale(product, p.hidden_multiplier, p.hidden_shift) + p.hidden_zero_point);
}

template <typename Sum, typename Activation, typename Params, typename Bias>
inline void LstmInteger(const Params& p, const Activation* input, const int8_t* input_weights,
                        const int8_t* recurrent_weights, const Bias* input_bias, const Bias* recurrent_bias,
                        const uint16_t* sigmoids, Activation* output, Activation* hidden, int16_t* cell,
                        int16_t* gates) {
    const int32_t units = p.shape.units;
    const auto start = [](const Activation*) { return Sum{0}; };
    const auto product = [](int32_t in, int32_t weight) { return static_cast<Sum>(in * weight); };
    const auto step = [&](const Activation* row, Activation* h, int16_t* c) {
        for (int32_t gate = 0; gate < 4; ++gate) {
            int16_t* const sums = gates + gate * units;
            FullyConnected<Sum>(
                LstmDense{1, p.shape.input_depth, units}, row, input_weights + gate * units * p.shape.input_depth, sums,
                start, product, [&](Sum sum, int32_t unit) {
                    return RequantizeToInt16(sum, input_bias[gate * units + unit], p.input_multipliers[gate],
                                             p.input_shifts[gate], -32768, 32767);
                });
            FullyConnected<Sum>(
                LstmDense{1, units, units}, h, recurrent_weights + gate * units * units, sums, start, product,
                [&](Sum sum, int32_t unit) {
                    const Bias bias = recurrent_bias != nullptr ? recurrent_bias[gate * units + unit] : Bias{0};
                    return Saturate<int16_t>(sums[unit] + RequantizeToInt16(sum, bias, p.recurrent_multipliers[gate],
                                                                            p.recurrent_shifts[gate], -32768, 32767));
                });
        }
        for (int32_t unit = 0; unit < units; ++unit) {
            UpdateLstmUnit(p, gates[unit], gates[units + unit], gates[2 * units + unit], gates[3 * units + unit],
                           sigmoids, c[unit], h[unit], PortableRescale());
        }
    };
    ForEachLstmStep(p.shape, input, hidden, cell, output, step);
}

}  // namespace internal

// Size of `scratch` in bytes: the four gates of one step.
constexpr int32_t unidirectional_sequence_lstm_int8_scratch_bytes(const LstmInt8Params& p) {
    return 8 * p.shape.units;
}
constexpr int32_t unidirectional_sequence_lstm_int16_scratch_bytes(const LstmInt16Params& p) {
    return 8 * p.shape.units;
}
constexpr int32_t unidirectional_sequence_lstm_float32_scratch_bytes(const LstmFloat32Params& p) {
    return 16 * p.shape.units;
}

// Both biases, [4][units], hold what the zero points of input and hidden state add to the sums, modulo 2^32.
// `sigmoids` is the table of logistic.h.
inline void unidirectional_sequence_lstm_int8(const LstmInt8Params& p, const int8_t* input, const int8_t* input_weights,
                                              const int8_t* recurrent_weights, const int32_t* input_bias,
                                              const int32_t* recurrent_bias, const uint16_t* sigmoids, int8_t* output,
                                              int8_t* hidden, int16_t* cell, uint8_t* scratch) {
    internal::LstmInteger<uint32_t>(p, input, input_weights, recurrent_weights, input_bias, recurrent_bias, sigmoids,
                                    output, hidden, cell, reinterpret_cast<int16_t*>(scratch));
}

// int16 activations without zero points, and a bias [4][units].
inline void unidirectional_sequence_lstm_int16(const LstmInt16Params& p, const int16_t* input,
                                               const int8_t* input_weights, const int8_t* recurrent_weights,
                                               const int64_t* bias, const uint16_t* sigmoids, int16_t* output,
                                               int16_t* hidden, int16_t* cell, uint8_t* scratch) {
    internal::LstmInteger<int64_t>(p, input, input_weights, recurrent_weights, bias, static_cast<int64_t*>(nullptr),
                                   sigmoids, output, hidden, cell, reinterpret_cast<int16_t*>(scratch));
}

inline void unidirectional_sequence_lstm_float32(const LstmFloat32Params& p, const float* input,
                                                 const float* input_weights, const float* recurrent_weights,
                                                 const float* bias, float* output, float* hidden, float* cell,
                                                 uint8_t* scratch) {
    const int32_t units = p.shape.units;
    float* const gates = reinterpret_cast<float*>(scratch);
    const auto start = [](const float*) { return 0.0f; };
    const auto step = [&](const float* row, float* h, float* c) {
        internal::FullyConnected<float>(internal::LstmDense{1, p.shape.input_depth, 4 * units}, row, input_weights,
                                        gates, start, FloatProduct(),
                                        [&](float sum, int32_t channel) { return sum + bias[channel]; });
        internal::FullyConnected<float>(internal::LstmDense{1, units, 4 * units}, h, recurrent_weights, gates, start,
                                        FloatProduct(),
                                        [&](float sum, int32_t channel) { return gates[channel] + sum; });
        for (int32_t unit = 0; unit < units; ++unit) {
            const float kept = LogisticOf(gates[units + unit]) * c[unit];
            const float sum = kept + LogisticOf(gates[unit]) * tanhf(gates[2 * units + unit]);
            c[unit] = p.cell_clip > 0.0f ? Clamp(sum, -p.cell_clip, p.cell_clip) : sum;
            h[unit] = tanhf(c[unit]) * LogisticOf(gates[3 * units + unit]);
        }
    };
    internal::ForEachLstmStep(p.shape, input, hidden, cell, output, step);
}

}  // namespace kerf
