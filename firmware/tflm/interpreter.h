// A model run by TFLM's interpreter. The rendered model.cpp defines the data declared here; interpreter.cpp implements
// model/model.h with it.
#pragma once

#include <cstdint>

#include "model/model.h"
#include "tflm/library.h"
#include "tflm/slot.h"

namespace kerf::tflm {

// An operator's output: its tensor in the model and its size. bytes == 0: the operator has no output.
struct OpOutput {
    uint16_t tensor;
    uint32_t bytes;
};

// The type of a model input or output; its address is only known after setup().
struct TensorType {
    model::DType dtype;
    float scale;
    int32_t zero_point;
};

// Operators and tensors are those of the main subgraph.
struct Program {
    const uint8_t* model;  // the .tflite, 16-byte aligned: TFLM reads it in place
    uint32_t tensor_count;
    const OpOutput* op_outputs;  // in the order the operators run
    uint32_t op_count;
    const TensorType* inputs;
    const TensorType* outputs;
    // The kernels that the model needs; returns nullptr if the library refuses to register one.
    const tflite::MicroOpResolver* (*resolver)();
    // tflite::MicroResourceVariables::Create for a model with resource variables; nullptr for a model without, so that
    // it is not linked.
    tflite::MicroResourceVariables* (*create_variables)(tflite::MicroAllocator*, int);
    uint32_t variable_count;
};

extern const Program kProgram;

// The memory that setup() gives to the interpreter. volatile, and with a C name, because kerf finds the smallest arena
// by changing these two words in a copy of the linked firmware (tools/sizing.py).
struct Memory {
    uint8_t* data;
    uint32_t bytes;
};
extern "C" const volatile Memory kerf_arena_memory;

// For Program::resolver: a resolver with room for `count` kernels, which `add` registers.
template <unsigned int count, bool (*add)(tflite::MicroMutableOpResolver<count>&)>
const tflite::MicroOpResolver* resolver() {
    static Slot<tflite::MicroMutableOpResolver<count>> slot;
    auto& made = slot.make();
    return add(made) ? &made : nullptr;
}

}  // namespace kerf::tflm
