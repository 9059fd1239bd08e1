// A model of two operators that clobbers its inputs, as real ones may: output 0 is input 0
// backwards plus input 1's first byte, output 1 the sum of input 0 as int32. Where it keeps state, output 1 also has
// the number of inferences since the latest reset().
#include <cstring>

#include "bench/bench.h"
#include "bench/identity.h"
#include "model/model.h"

namespace kerf::bench {
const Identity kIdentity = {"fake board", "fake-core", "0123456789abcdef"};
}

namespace kerf::model {

namespace {
constexpr uint32_t kBytes = 130;  // three WRITE frames
alignas(4) int8_t image[kBytes];
alignas(4) int8_t offset[3];
alignas(4) int8_t reversed[kBytes];
int32_t sum;
int32_t inferences;
}  // namespace

const Descriptor kDescriptor = {{0xde, 0xad, 0xbe, 0xef, 0, 1, 2, 3},
                                "fake",
                                FAKE_MLPERF_ID,
                                "aot",
                                "portable",
                                FAKE_DB_ENCODING,
                                2,
                                2,
                                2,
                                263,
                                FAKE_KEEPS_STATE};

Status setup() {
    return FAKE_SETUP_STATUS;
}
Status reset() {
    inferences = 0;
    return FAKE_RESET_STATUS;
}
uint32_t arena_used_bytes() {
    return 263;
}
uint32_t detail() {
    return 42;
}

Tensor input(uint32_t i) {
    return i == 0 ? Tensor{image, sizeof image, FAKE_DTYPE, 0.5f, -3} : Tensor{offset, 3, DType::kInt8, 1.0f, 0};
}

Tensor output(uint32_t i) {
    return i == 0 ? Tensor{reversed, sizeof reversed, DType::kInt8, 1.0f / 256, -128}
                  : Tensor{&sum, sizeof sum, DType::kInt32, 0.0f, 0};
}

Status invoke(AfterOp after_op) {
    if (image[0] == 99) {
        bench::report_fault({bench::kBusFault, 0x08000123, 0x08000045, 0, 0x8200, 0, 0x60000000, 0x2000ff00});
        for (;;) {
        }
    }
    if (image[0] == 98) return Status::kInvokeFailed;
    for (uint32_t i = 0; i < kBytes; ++i) reversed[i] = static_cast<int8_t>(image[kBytes - 1 - i] + offset[0]);
    if (after_op != nullptr) after_op(0, reversed, sizeof reversed);
    sum = kDescriptor.keeps_state ? inferences : 0;
    ++inferences;
    for (const int8_t value : image) sum += value;
    if (after_op != nullptr) after_op(1, &sum, sizeof sum);
    std::memset(image, 0x55, sizeof image);
    std::memset(offset, 0x55, sizeof offset);
    return Status::kOk;
}

}  // namespace kerf::model
