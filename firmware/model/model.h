// The model facade: rendered by every runtime (aot, tflm), driven by the bench. Chosen by the build, no virtual calls.
//
// Order of calls: setup() once; then, for each inference, fill every input(i), invoke(), read every output(i).
// An invocation may overwrite the inputs: fill them again before the next one.
#pragma once

#include <stdint.h>

namespace kerf::model {

enum class DType : uint8_t {
    kFloat32 = 0,
    kInt8 = 1,
    kUint8 = 2,
    kInt16 = 3,
    kInt32 = 4,
    kInt64 = 5,
    kBool = 6,
    kFloat16 = 7
};

// Result of setup() and invoke(). The number goes over the wire (docs/protocol.md).
enum class Status : uint8_t {
    kOk = 0,
    kArenaTooSmall = 1,  // detail() = bytes missing, if the runtime knows
    kUnsupportedOp = 2,  // detail() = operator index
    kBadModel = 3,       // the model's schema version or contents do not match the runtime
    kInvokeFailed = 4,   // detail() = operator index
};

// One model input or output. real = scale * (quantized - zero_point) for integer types.
struct Tensor {
    void* data;
    uint32_t bytes;
    DType dtype;
    float scale;
    int32_t zero_point;
};

// How the MLPerf-Tiny dialect turns the bytes of its `db` buffer into input 0.
enum class DbEncoding : uint8_t {
    kAsIs = 0,         // the tensor's bytes, unchanged
    kUint8ToInt8 = 1,  // uint8 pixels, minus 128
    kFloat32 = 2,      // little-endian float32, quantized with input 0's scale and zero point
};

struct Descriptor {
    uint8_t sha256[32];     // of the .tflite
    const char* name;       // kerf's model name, for display
    const char* mlperf_id;  // "kws01", "ic01", …, or the model name
    const char* runtime;    // "aot", "tflm"
    const char* kernels;    // which kernels the model uses: "portable", "CMSIS-NN", …
    DbEncoding db_encoding;
    uint8_t input_count;
    uint8_t output_count;
    uint16_t op_count;     // steps that invoke() reports, at most 65,535
    uint32_t arena_bytes;  // reserved for tensors
    bool keeps_state;      // from one inference to the next: see reset()
};

extern const Descriptor kDescriptor;

// Prepares the model; an interpreter lays out its arena here.
Status setup();

// Arena bytes in use after setup(); equal to Descriptor::arena_bytes for a static plan.
uint32_t arena_used_bytes();

// A detail of the last Status that was not kOk.
uint32_t detail();

// Resets the state that a model keeps from one inference to the next to what it was after setup(), which must have
// succeeded. Inputs and outputs may lose their contents. Does nothing if there is no state.
Status reset();

// i < Descriptor::input_count / output_count.
Tensor input(uint32_t i);
Tensor output(uint32_t i);

// Called by invoke() after operator `op` (0 … op_count-1, in order) with its output.
using AfterOp = void (*)(uint32_t op, const void* output, uint32_t bytes);

// One inference. With after_op == nullptr, only the operators run.
Status invoke(AfterOp after_op);

// Implemented by the bench, for a model rendered with --check-arena: operator `op`, called in `line` of its source,
// changed the byte `offset` of the arena, which is in none of its tensors. invoke() then ends with kInvokeFailed.
void report_damage(uint32_t op, uint32_t offset, uint32_t line);

}  // namespace kerf::model
