// TFLM's allocator, which also remembers how many bytes were missing for the first refused request.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tflm/library.h"

namespace kerf::tflm {

class Allocator final : public tflite::SingleArenaBufferAllocator {
  public:
    // `tensors`: how many the model has, which determines how much memory the planner needs.
    Allocator(uint8_t* arena, size_t bytes, size_t tensors)
        : SingleArenaBufferAllocator(arena, bytes),
          planner_bytes_(tensors * tflite::GreedyMemoryPlanner::per_buffer_size()) {}

    TfLiteStatus ResizeBuffer(uint8_t* buffer, size_t size, size_t alignment) override {
        const auto room = static_cast<size_t>(tail() - GetOverlayMemoryAddress());
        const TfLiteStatus status = SingleArenaBufferAllocator::ResizeBuffer(buffer, size, alignment);
        if (status != kTfLiteOk) refused(size, room);
        return status;
    }

    uint8_t* AllocatePersistentBuffer(size_t size, size_t alignment) override {
        uint8_t* const buffer = SingleArenaBufferAllocator::AllocatePersistentBuffer(size, alignment);
        if (buffer == nullptr) refused(size, GetAvailableMemory(alignment));
        return buffer;
    }

    uint8_t* AllocateTemp(size_t size, size_t alignment) override {
        const size_t room = GetAvailableMemory(alignment);
        uint8_t* const buffer = SingleArenaBufferAllocator::AllocateTemp(size, alignment);
        if (buffer == nullptr) refused(size, room);
        // The planner requests all memory that is left, then uses a fixed amount of it for each tensor it places.
        if (size == room && room < planner_bytes_) planner_missing_ = planner_bytes_ - room;
        return buffer;
    }

    // 0: nothing was refused. A lower bound: later requests are not known.
    uint32_t missing_bytes() const { return static_cast<uint32_t>(missing_ > 0 ? missing_ : planner_missing_); }

    TF_LITE_REMOVE_VIRTUAL_DELETE

  private:
    void refused(size_t size, size_t room) {
        if (missing_ == 0) missing_ = size > room ? size - room : 1;
    }

    size_t planner_bytes_;
    size_t missing_ = 0;
    size_t planner_missing_ = 0;
};

}  // namespace kerf::tflm
