// Stands for TFLite Micro in tests/host/tflm_interpreter.cpp: an arena with two ends, and an interpreter that does what
// the test says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#define TFLITE_SCHEMA_VERSION 3
#define TF_LITE_REMOVE_VIRTUAL_DELETE

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

namespace tflite {

struct Model {
    uint8_t first_byte;
    uint32_t version() const { return first_byte; }
};
inline const Model* GetModel(const void* data) {
    return static_cast<const Model*>(data);
}

class SingleArenaBufferAllocator {
  public:
    SingleArenaBufferAllocator(uint8_t* arena, size_t bytes) : begin_(arena), head_(arena), tail_(arena + bytes) {}
    virtual ~SingleArenaBufferAllocator() = default;

    virtual TfLiteStatus ResizeBuffer(uint8_t*, size_t size, size_t) {
        if (size > static_cast<size_t>(tail_ - begin_)) return kTfLiteError;
        head_ = begin_ + size;
        return kTfLiteOk;
    }
    virtual uint8_t* AllocatePersistentBuffer(size_t size, size_t alignment) {
        if (size > static_cast<size_t>(tail_ - head_)) return nullptr;
        tail_ -= size;
        return tail_ -= reinterpret_cast<uintptr_t>(tail_) % alignment;
    }
    virtual uint8_t* AllocateTemp(size_t size, size_t) {
        return size > static_cast<size_t>(tail_ - head_) ? nullptr : head_;
    }
    uint8_t* GetOverlayMemoryAddress() const { return begin_; }
    size_t GetAvailableMemory(size_t) const { return static_cast<size_t>(tail_ - head_); }

  protected:
    uint8_t* tail() const { return tail_; }

  private:
    uint8_t *begin_, *head_, *tail_;
};

struct GreedyMemoryPlanner {
    static size_t per_buffer_size() { return 10; }
};

class MicroOpResolver {};
template <unsigned int count>
class MicroMutableOpResolver : public MicroOpResolver {
  public:
    TfLiteStatus Add() { return added_++ < count ? kTfLiteOk : kTfLiteError; }

  private:
    unsigned int added_ = 0;
};

class MicroProfilerInterface {
  public:
    virtual ~MicroProfilerInterface() = default;
    virtual uint32_t BeginEvent(const char* tag) = 0;
    virtual void EndEvent(uint32_t event) = 0;
};

struct MicroAllocator {
    SingleArenaBufferAllocator* arena;

    static MicroAllocator* Create(SingleArenaBufferAllocator* arena, GreedyMemoryPlanner*) {
        return new (arena->AllocatePersistentBuffer(sizeof(MicroAllocator), 16)) MicroAllocator{arena};
    }
};

struct MicroResourceVariables {
    int32_t* values;
    int count;

    static MicroResourceVariables* Create(MicroAllocator* allocator, int count) {
        auto* const buffer = allocator->arena->AllocatePersistentBuffer(sizeof(MicroResourceVariables), 16);
        auto* const values = allocator->arena->AllocatePersistentBuffer(count * sizeof(int32_t), 16);
        return new (buffer) MicroResourceVariables{reinterpret_cast<int32_t*>(values), count};
    }
};

class MicroInterpreter;
// What the test says: AllocateTensors() and Invoke().
struct Script {
    TfLiteStatus (*allocate)(MicroInterpreter& interpreter);
    TfLiteStatus (*invoke)(MicroInterpreter& interpreter);
    TfLiteEvalTensor* (*tensor)(const TfLiteContext* context, int tensor);
    TfLiteTensor input, output;
};
inline Script script;

class MicroInterpreter {
  public:
    MicroInterpreter(const Model*, const MicroOpResolver&, MicroAllocator* allocator, MicroResourceVariables* variables,
                     MicroProfilerInterface* profiler)
        : arena(allocator->arena), variables(variables), profiler(profiler) {}

    TfLiteStatus AllocateTensors() { return script.allocate(*this); }
    TfLiteStatus Invoke() { return script.invoke(*this); }
    TfLiteTensor* input(size_t) { return &script.input; }
    TfLiteTensor* output(size_t) { return &script.output; }
    size_t arena_used_bytes() const { return 77; }

    SingleArenaBufferAllocator* const arena;
    MicroResourceVariables* const variables;
    MicroProfilerInterface* const profiler;
    bool called_once = false;

  protected:
    const TfLiteContext& context() const { return context_; }

  private:
    TfLiteContext context_{script.tensor};
};

}  // namespace tflite
