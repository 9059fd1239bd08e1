// UNIDIRECTIONAL_SEQUENCE_LSTM of int8 for cores with the DSP extension. Must equal
// unidirectional_sequence_lstm_int8().
//
// The sums of all gates of a step are two dense layers, computed as in fully_connected_dsp.h. The four gates of each
// unit stand together, so that a single loop requantizes them and updates the unit's state.
#pragma once

#include <stdint.h>

#include "kernels/dsp.h"
#include "kernels/fully_connected_dsp.h"
#include "kernels/unidirectional_sequence_lstm.h"

namespace kerf {

namespace dsp {

// MultiplyByQuantizedMultiplier with constants, as explained in dsp.h.
struct Rescale {
    // SSAT. The compiler turns comparisons with the limits of int8 into it, but not those of int16.
    int32_t ToInt16(int32_t x) const {
        if constexpr (kAssembly) {
            asm("ssat %0, #16, %0" : "+r"(x));
            if (x < INT16_MIN || x > INT16_MAX) __builtin_unreachable();
            return x;
        }
        return Saturate<int16_t>(x);
    }
    int32_t operator()(int32_t x, int32_t multiplier, int32_t shift) const {
        if (multiplier == 0) return 0;
        if (shift > 0) x = ShiftLeft(x, shift);
        const int32_t high = AddHighProduct(x, x, static_cast<int32_t>(2 * static_cast<uint32_t>(multiplier)));
        if (shift >= 0) return high;
        return SubtractHighProduct(0, high + (high >> 31), static_cast<int32_t>(~uint32_t{0} << (32 + shift)));
    }
};

// A gate of a unit before its sigmoid, from the sums over the input and over the hidden state.
template <const LstmInt8Params& p, int32_t gate>
inline int32_t LstmGate(const int32_t* input_sums, const int32_t* recurrent_sums) {
    const Rescale rescale;
    const int32_t input = rescale(input_sums[gate], p.input_multipliers[gate], p.input_shifts[gate]);
    const int32_t recurrent = rescale(recurrent_sums[gate], p.recurrent_multipliers[gate], p.recurrent_shifts[gate]);
    return rescale.ToInt16(rescale.ToInt16(input) + rescale.ToInt16(recurrent));
}

}  // namespace dsp

template <const LstmInt8Params& p>
constexpr int32_t unidirectional_sequence_lstm_int8_dsp_scratch_bytes() {
    return 4 * (dsp::DensePairs(p.shape.input_depth) + dsp::DensePairs(p.shape.units) + 8 * p.shape.units);
}

//   packed_input, packed_recurrent  see DenseBlock; the channels are the units' gates, four to a unit
//   scratch                         …_scratch_bytes(), 4-byte aligned
template <const LstmInt8Params& p>
inline void unidirectional_sequence_lstm_int8_dsp(const int8_t* input, const int32_t* packed_input,
                                                  const int32_t* packed_recurrent, const uint16_t* sigmoids,
                                                  int8_t* output, int8_t* hidden, int16_t* cell, uint8_t* scratch) {
    constexpr dsp::DenseShape kInput = dsp::DenseShapeOf(p.shape.input_depth);
    constexpr dsp::DenseShape kRecurrent = dsp::DenseShapeOf(p.shape.units);
    int32_t* const input_sums = reinterpret_cast<int32_t*>(scratch);
    int32_t* const recurrent_sums = input_sums + 4 * p.shape.units;
    uint32_t* const pairs = reinterpret_cast<uint32_t*>(recurrent_sums + 4 * p.shape.units);
    uint32_t* const hidden_pairs = pairs + kInput.pairs;
    const auto step = [=](const int8_t* row, int8_t* h, int16_t* c) {
        dsp::Widen(pairs, row, p.shape.input_depth);
        dsp::Widen(hidden_pairs, h, p.shape.units);
        dsp::kDenseBlock<int32_t>(pairs, packed_input, input_sums, kInput);
        dsp::kDenseBlock<int32_t>(hidden_pairs, packed_recurrent, recurrent_sums, kRecurrent);
        const int32_t *ins = input_sums, *recurrents = recurrent_sums;
        for (int32_t unit = 0; unit < p.shape.units; ++unit, ins += 4, recurrents += 4) {
            internal::UpdateLstmUnit(p, dsp::LstmGate<p, 0>(ins, recurrents), dsp::LstmGate<p, 1>(ins, recurrents),
                                     dsp::LstmGate<p, 2>(ins, recurrents), dsp::LstmGate<p, 3>(ins, recurrents),
                                     sigmoids, c[unit], h[unit], dsp::Rescale());
        }
    };
    internal::ForEachLstmStep(p.shape, input, hidden, cell, output, step);
}

}  // namespace kerf
