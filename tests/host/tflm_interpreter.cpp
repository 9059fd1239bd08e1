// firmware/tflm with a stand-in for TFLM (vendor/tflm): three operators, the first of which runs a subgraph of two
// once. ARENA_BYTES, VARIABLES, SCHEMA and ROOM_FOR_OPS are the test's.
#include <cstdio>

#include "tflm/interpreter.cpp"

namespace {

using kerf::model::Status;

alignas(16) const uint8_t flatbuffer[] = {SCHEMA};
alignas(16) uint8_t arena[ARENA_BYTES];
size_t wanted = 0;       // persistent memory that the model asks for
uint32_t failing = 9;    // the operator that fails
int32_t tensors[4];      // of the main subgraph
uint8_t elsewhere[256];  // for the allocator alone

constexpr kerf::tflm::OpOutput kOpOutputs[] = {{0, 0}, {2, 4}, {3, 4}};
constexpr kerf::tflm::TensorType kInputs[] = {{kerf::model::DType::kInt8, 0.5f, -3}};
constexpr kerf::tflm::TensorType kOutputs[] = {{kerf::model::DType::kInt32, 0.25f, 7}};

bool add_operators(tflite::MicroMutableOpResolver<ROOM_FOR_OPS>& resolver) {
    const TfLiteStatus added[] = {resolver.Add(), resolver.Add()};
    return added[0] == kTfLiteOk && added[1] == kTfLiteOk;
}

// As TFLM brackets an operator: the event ends however the operator does.
struct Event {
    explicit Event(tflite::MicroProfilerInterface* profiler)
        : profiler(profiler), number(profiler->BeginEvent("an operator")) {}
    ~Event() { profiler->EndEvent(number); }
    tflite::MicroProfilerInterface* const profiler;
    const uint32_t number;
};

TfLiteStatus allocate(tflite::MicroInterpreter& interpreter) {
    return interpreter.arena->AllocatePersistentBuffer(wanted, 1) == nullptr ? kTfLiteError : kTfLiteOk;
}

// CALL_ONCE, which sets variable 0 to 100; its next value; that squared.
TfLiteStatus invoke(tflite::MicroInterpreter& interpreter) {
    for (uint32_t op = 0; op < 3; ++op) {
        const Event event(interpreter.profiler);
        if (op == failing) return kTfLiteError;
        if (op == 0 && interpreter.variables != nullptr && !interpreter.called_once) {
            const Event handle(interpreter.profiler);
            const Event assign(interpreter.profiler);
            interpreter.variables->values[0] = 100;
            interpreter.called_once = true;
        }
        if (op == 1) tensors[2] = interpreter.variables == nullptr ? 5 : ++interpreter.variables->values[0];
        if (op == 2) tensors[3] = tensors[2] * tensors[2];
    }
    return kTfLiteOk;
}

TfLiteEvalTensor* tensor(const TfLiteContext*, int index) {
    static TfLiteEvalTensor found;
    found = {{&tensors[index]}};
    return &found;
}

void print_op(uint32_t op, const void* output, uint32_t bytes) {
    std::printf("op %u: %u bytes, %d\n", op, bytes, output == nullptr ? -1 : *static_cast<const int32_t*>(output));
}

void print(const char* what, Status status) {
    std::printf("%s: status %d, detail %u\n", what, static_cast<int>(status), kerf::model::detail());
}

void print(const char* what, const kerf::model::Tensor& port) {
    std::printf("%s: %u bytes, dtype %d, %g * (q - %d)\n", what, port.bytes, static_cast<int>(port.dtype), port.scale,
                port.zero_point);
}

// What an allocator over `bytes`, for a model of 3 tensors, misses after the requests.
template <typename Requests>
void print_missing(const char* what, size_t bytes, Requests requests) {
    kerf::tflm::Allocator allocator(elsewhere, bytes, 3);
    requests(allocator);
    std::printf("%s: %u missing\n", what, allocator.missing_bytes());
}

}  // namespace

namespace kerf::tflm {

const volatile Memory kerf_arena_memory = {arena, sizeof(arena)};

const Program kProgram = {
    flatbuffer,
    /*tensor_count=*/4,
    kOpOutputs,
    /*op_count=*/3,
    kInputs,
    kOutputs,
    resolver<ROOM_FOR_OPS, add_operators>,
    VARIABLES > 0 ? tflite::MicroResourceVariables::Create : nullptr,
    VARIABLES,
};

}  // namespace kerf::tflm

int main() {
    tflite::script = {allocate, invoke, tensor, {{&tensors[0]}, 4}, {{&tensors[3]}, 4}};
    using kerf::tflm::Allocator;
    print_missing("all fits", 100, [](Allocator& a) { a.AllocatePersistentBuffer(100, 1); });
    print_missing("persistent", 100, [](Allocator& a) { a.AllocatePersistentBuffer(130, 1); });
    print_missing("buffer", 100, [](Allocator& a) { a.ResizeBuffer(elsewhere, 117, 1); });
    print_missing("temporary", 100, [](Allocator& a) { a.AllocateTemp(101, 1); });
    print_missing("the first refusal counts", 100, [](Allocator& a) {
        a.AllocatePersistentBuffer(90, 1);
        a.AllocateTemp(15, 1);
        a.AllocatePersistentBuffer(60, 1);
    });
    print_missing("the planner takes all, too little", 28, [](Allocator& a) { a.AllocateTemp(28, 1); });
    print_missing("the planner takes all, enough", 30, [](Allocator& a) { a.AllocateTemp(30, 1); });

    std::printf("used before: %u\n", kerf::model::arena_used_bytes());
    wanted = 5000;
    print("setup of too much", kerf::model::setup());
    wanted = 100;
    const Status ready = kerf::model::setup();
    print("setup", ready);
    if (ready != Status::kOk) return 0;
    std::printf("used: %u\n", kerf::model::arena_used_bytes());
    print("input", kerf::model::input(0));
    print("output", kerf::model::output(0));
    print("invoke", kerf::model::invoke(print_op));
    print("invoke", kerf::model::invoke(nullptr));
    std::printf("%d\n", tensors[2]);
    failing = 1;
    print("invoke", kerf::model::invoke(nullptr));
    failing = 9;
    print("reset", kerf::model::reset());
    print("invoke", kerf::model::invoke(print_op));
}
