#include "tensorflow/lite/micro/micro_interpreter.h"

namespace tflite {

MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, MicroAllocator* allocator,
                                   MicroResourceVariables*, MicroProfilerInterface* profiler)
    : arena_(allocator->arena), profiler_(profiler) {}

TfLiteStatus MicroInterpreter::AllocateTensors() {
    tensor_.bytes = 64;
    tensor_.data.data = arena_->AllocatePersistentBuffer(tensor_.bytes, 16);
    return tensor_.data.data == nullptr ? kTfLiteError : kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Invoke() {
    DebugLog("a library may leave this function to the program");
    profiler_->EndEvent(profiler_->BeginEvent("RESHAPE"));
    return kTfLiteOk;
}

}  // namespace tflite
