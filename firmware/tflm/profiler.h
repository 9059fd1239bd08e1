// Reports each operator when it ends. TFLM brackets every operator with an event, including those of a subgraph that an
// operator of the main graph runs (CALL_ONCE); these count as part of that operator. An event also ends when its
// operator fails.
#pragma once

#include <cstdint>

#include "model/model.h"
#include "tflm/interpreter.h"
#include "tflm/library.h"

namespace kerf::tflm {

class Profiler final : public tflite::MicroProfilerInterface {
  public:
    void start(model::AfterOp after_op, const TfLiteContext& context) {
        after_op_ = after_op;
        context_ = &context;
        depth_ = 0;
        ended_ = 0;
    }

    // Operators of the main subgraph that have ended since start().
    uint32_t ended() const { return ended_; }

    uint32_t BeginEvent(const char*) override { return depth_++; }

    void EndEvent(uint32_t depth) override {
        depth_ = depth;
        if (depth > 0) return;
        if (after_op_ != nullptr && ended_ < kProgram.op_count) report(kProgram.op_outputs[ended_]);
        ++ended_;
    }

    TF_LITE_REMOVE_VIRTUAL_DELETE

  private:
    void report(const OpOutput& output) const {
        const void* const data =
            output.bytes == 0 ? nullptr : context_->GetEvalTensor(context_, output.tensor)->data.data;
        after_op_(ended_, data, output.bytes);
    }

    model::AfterOp after_op_ = nullptr;
    const TfLiteContext* context_ = nullptr;
    uint32_t depth_ = 0;
    uint32_t ended_ = 0;
};

}  // namespace kerf::tflm
