#include "tflm/interpreter.h"

#include "tflm/allocator.h"
#include "tflm/library.h"
#include "tflm/profiler.h"
#include "tflm/slot.h"

namespace kerf {

namespace {

// With less, there is no room for the allocator itself and the list of variables, which would fail silently.
constexpr uint32_t kLeastArenaBytes = 1024;
constexpr uint32_t kVariableBytes = 8 * sizeof(void*);  // at least the size of TFLM's entry for a resource variable

class Interpreter final : public tflite::MicroInterpreter {
  public:
    using MicroInterpreter::context;
    using MicroInterpreter::MicroInterpreter;
};

tflm::Slot<tflm::Allocator> allocator_slot;
tflm::Slot<tflite::GreedyMemoryPlanner> planner_slot;
tflm::Slot<tflm::Profiler> profiler_slot;
tflm::Slot<Interpreter> interpreter_slot;

tflm::Profiler* profiler = nullptr;
Interpreter* interpreter = nullptr;
uint32_t last_detail = 0;

model::Status fail(model::Status status, uint32_t detail) {
    last_detail = detail;
    return status;
}

model::Tensor tensor(const TfLiteTensor& data, const tflm::TensorType& type) {
    return {data.data.data, static_cast<uint32_t>(data.bytes), type.dtype, type.scale, type.zero_point};
}

}  // namespace

namespace model {

Status setup() {
    using tflm::kProgram;
    const tflite::Model* const model = tflite::GetModel(kProgram.model);
    if (model->version() != TFLITE_SCHEMA_VERSION) return fail(Status::kBadModel, model->version());
    const tflite::MicroOpResolver* const resolver = kProgram.resolver();
    if (resolver == nullptr) return fail(Status::kBadModel, 0);

    const uint32_t bytes = tflm::kerf_arena_memory.bytes;
    const uint32_t least = kLeastArenaBytes + kVariableBytes * kProgram.variable_count;
    if (bytes < least) return fail(Status::kArenaTooSmall, least - bytes);
    auto& allocator = allocator_slot.make(tflm::kerf_arena_memory.data, bytes, kProgram.tensor_count);
    auto* const memory = tflite::MicroAllocator::Create(&allocator, &planner_slot.make());
    tflite::MicroResourceVariables* variables = nullptr;
    if (kProgram.create_variables != nullptr) {
        variables = kProgram.create_variables(memory, static_cast<int>(kProgram.variable_count));
    }
    profiler = &profiler_slot.make();
    interpreter = &interpreter_slot.make(model, *resolver, memory, variables, profiler);
    if (interpreter->AllocateTensors() != kTfLiteOk) {
        const uint32_t missing = allocator.missing_bytes();
        return missing > 0 ? fail(Status::kArenaTooSmall, missing) : fail(Status::kBadModel, 0);
    }
    return Status::kOk;
}

uint32_t arena_used_bytes() {
    return interpreter == nullptr ? 0 : static_cast<uint32_t>(interpreter->arena_used_bytes());
}

uint32_t detail() {
    return last_detail;
}

Tensor input(uint32_t i) {
    return tensor(*interpreter->input(i), tflm::kProgram.inputs[i]);
}

Tensor output(uint32_t i) {
    return tensor(*interpreter->output(i), tflm::kProgram.outputs[i]);
}

Status invoke(AfterOp after_op) {
    profiler->start(after_op, interpreter->context());
    if (interpreter->Invoke() == kTfLiteOk) return Status::kOk;
    const uint32_t ended = profiler->ended();
    return fail(Status::kInvokeFailed, ended > 0 ? ended - 1 : 0);
}

// TFLM's own Reset() is not enough: it fills resource variables with zeros, and CALL_ONCE, which set their initial
// values, does not run again. Instead, everything is created again in the same memory. Nothing needs to be destroyed
// first: the kernels keep all their data in the arena.
Status reset() {
    return setup();
}

}  // namespace model

}  // namespace kerf
