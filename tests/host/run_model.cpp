// Runs a rendered model on this machine: samples on stdin (every input of the first, every input of the second, …),
// outputs on stdout in the same way. Exit code 1: setup or an inference failed, with its status on stderr.
#include <cstdio>

#include "model/model.h"

int main() {
    using namespace kerf;
    if (const model::Status status = model::setup(); status != model::Status::kOk) {
        std::fprintf(stderr, "setup: status %u, detail %u\n", static_cast<unsigned>(status), model::detail());
        return 1;
    }
    for (;;) {
        for (uint32_t i = 0; i < model::kDescriptor.input_count; ++i) {
            const model::Tensor tensor = model::input(i);
            if (std::fread(tensor.data, 1, tensor.bytes, stdin) != tensor.bytes) return 0;
        }
        if (const model::Status status = model::invoke(nullptr); status != model::Status::kOk) {
            std::fprintf(stderr, "invoke: status %u, detail %u\n", static_cast<unsigned>(status), model::detail());
            return 1;
        }
        for (uint32_t i = 0; i < model::kDescriptor.output_count; ++i) {
            const model::Tensor tensor = model::output(i);
            std::fwrite(tensor.data, 1, tensor.bytes, stdout);
        }
    }
}
