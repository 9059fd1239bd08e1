// Stands for TFLite Micro in tests of exports. It runs models of one RESHAPE, whose output is their input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#define TFLITE_SCHEMA_VERSION 3
#define TF_LITE_REMOVE_VIRTUAL_DELETE \
    void operator delete(void*) {}

enum TfLiteStatus { kTfLiteOk, kTfLiteError };
union TfLitePtrUnion {
    void* data;
};
struct TfLiteTensor {
    TfLitePtrUnion data;
    size_t bytes;
};
struct TfLiteEvalTensor {
    TfLitePtrUnion data;
};
struct TfLiteContext {
    TfLiteEvalTensor* (*GetEvalTensor)(const TfLiteContext* context, int tensor);
};

extern "C" void DebugLog(const char* text);

namespace tflite {

uint32_t SchemaVersion();  // in another folder than the interpreter

struct Model {
    uint32_t version() const { return SchemaVersion(); }
};
inline const Model* GetModel(const void* data) {
    return static_cast<const Model*>(data);
}

class SingleArenaBufferAllocator {
  public:
    SingleArenaBufferAllocator(uint8_t* arena, size_t bytes) : begin_(arena), end_(arena + bytes) {}
    virtual ~SingleArenaBufferAllocator() = default;
    virtual TfLiteStatus ResizeBuffer(uint8_t*, size_t, size_t) { return kTfLiteOk; }
    virtual uint8_t* AllocatePersistentBuffer(size_t size, size_t) {
        return size > GetAvailableMemory(1) ? nullptr : end_ -= size;
    }
    virtual uint8_t* AllocateTemp(size_t, size_t) { return begin_; }
    uint8_t* GetOverlayMemoryAddress() const { return begin_; }
    size_t GetAvailableMemory(size_t) const { return static_cast<size_t>(end_ - begin_); }
    TF_LITE_REMOVE_VIRTUAL_DELETE

  protected:
    uint8_t* tail() const { return end_; }

  private:
    uint8_t *begin_, *end_;
};

struct GreedyMemoryPlanner {
    static size_t per_buffer_size() { return 10; }
};

class MicroOpResolver {};
template <unsigned int count>
class MicroMutableOpResolver : public MicroOpResolver {
  public:
    TfLiteStatus AddReshape() { return added_++ < count ? kTfLiteOk : kTfLiteError; }

  private:
    unsigned int added_ = 0;
};

class MicroProfilerInterface {
  public:
    virtual ~MicroProfilerInterface() = default;
    virtual uint32_t BeginEvent(const char* tag) = 0;
    virtual void EndEvent(uint32_t event) = 0;
    TF_LITE_REMOVE_VIRTUAL_DELETE
};

class MicroAllocator;
class MicroResourceVariables;

class MicroInterpreter {
  public:
    MicroInterpreter(const Model*, const MicroOpResolver&, MicroAllocator*, MicroResourceVariables*,
                     MicroProfilerInterface* profiler);
    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteTensor* input(size_t) { return &tensor_; }
    TfLiteTensor* output(size_t) { return &tensor_; }
    size_t arena_used_bytes() const { return tensor_.bytes; }

  protected:
    const TfLiteContext& context() const { return context_; }

  private:
    SingleArenaBufferAllocator* arena_;
    MicroProfilerInterface* profiler_;
    TfLiteTensor tensor_{};
    TfLiteContext context_{};
};

class MicroAllocator {
  public:
    static MicroAllocator* Create(SingleArenaBufferAllocator* arena, GreedyMemoryPlanner*) {
        return new (arena->AllocatePersistentBuffer(sizeof(MicroAllocator), 16)) MicroAllocator{arena};
    }
    explicit MicroAllocator(SingleArenaBufferAllocator* arena) : arena(arena) {}
    SingleArenaBufferAllocator* arena;
};

}  // namespace tflite
