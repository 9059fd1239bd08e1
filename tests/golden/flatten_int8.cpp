// Rendered by kerf 0.1.0; do not edit, render again.
//   model    'flatten', 2896 bytes
//   sha256   5a0079ea6c7acb0b61c772be64f6ebe04b8d5689e5519fa527da55a109604a9b
//   options  --mode int8 --runtime aot

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 may express one address in the arena by another, as a sum that starts at 0, then takes it for a null pointer and
// removes the step as one that is never reached (-fivopts followed by -fipa-pure-const).
#pragma GCC optimize("no-delete-null-pointer-checks")
#endif

#include <math.h>
#include <stdint.h>

#include "kernels/conv_2d.h"
#include "kernels/fully_connected.h"
#include "model/model.h"

namespace kerf::model {

// Constants are aligned for 128-bit loads, and so are the arena and every offset in it.

// 'sequential_1/conv_1/convolution', int8 [2, 3, 3, 1]
extern "C" alignas(16) const int8_t kerf_constant_step0_conv_weights[] = {
    -65, 119, -127, 12, 80, 40, 33, 8, -53, 95, -41, -102, -127, -57, -99, -39, -110, 2,
};
static_assert(sizeof(kerf_constant_step0_conv_weights) == 18);

// 'arith.constant', int32 [2]
extern "C" alignas(16) const int32_t kerf_constant_step0_conv_bias[] = {
    0, 0,
};
static_assert(sizeof(kerf_constant_step0_conv_bias) == 8);

// multipliers of CONV_2D + RESHAPE 'conv + flatten', int32 [2]
extern "C" alignas(16) const int32_t kerf_constant_step0_conv_multipliers[] = {
    1528062192, 1576934286,
};
static_assert(sizeof(kerf_constant_step0_conv_multipliers) == 8);

// shifts of CONV_2D + RESHAPE 'conv + flatten', int32 [2]
extern "C" alignas(16) const int32_t kerf_constant_step0_conv_shifts[] = {
    -7, -7,
};
static_assert(sizeof(kerf_constant_step0_conv_shifts) == 8);

// 'sequential_1/dense_1/MatMul1', int8 [3, 32]
extern "C" alignas(16) const int8_t kerf_constant_step1_dense_weights[] = {
    24, 17, -68, -42, 3, 48, -47, -102, -43, 113, 23, -78, 117, -34, -38, 127, 42, 0, 41, -2, 81, -119, -68, 103,
    -85, -21, -58, 48, 61, -18, -12, -59, -25, -47, 112, -20, 71, -41, 20, 36, -111, -127, 81, 118, -127, 72, 94, 123,
    -2, 51, -114, 20, 59, 114, 89, 87, -65, 80, 26, -93, 105, 95, -89, -57, 83, 3, -37, 92, -46, 85, 64, -45,
    -117, -54, 97, 105, -26, 13, 51, 66, -127, 82, 92, -68, -45, 38, -94, 116, -38, -112, -4, 57, 34, -111, -40, -82,
};
static_assert(sizeof(kerf_constant_step1_dense_weights) == 96);

// multipliers of FULLY_CONNECTED 'dense', int32 [3]
extern "C" alignas(16) const int32_t kerf_constant_step1_dense_multipliers[] = {
    1690605715, 1753293378, 1677805187,
};
static_assert(sizeof(kerf_constant_step1_dense_multipliers) == 12);

// shifts of FULLY_CONNECTED 'dense', int32 [3]
extern "C" alignas(16) const int32_t kerf_constant_step1_dense_shifts[] = {
    -8, -8, -8,
};
static_assert(sizeof(kerf_constant_step1_dense_shifts) == 12);

// Every tensor and scratch buffer; those in use at the same time do not overlap.
extern "C" {
alignas(16) uint8_t kerf_arena[64];
}

// 0 CONV_2D + RESHAPE 'conv + flatten' -> int8 [1, 4, 4, 2]
static constexpr Conv2DInt8Params step0_conv_params = {
    /*batches=*/1,
    /*input_height=*/6,
    /*input_width=*/6,
    /*input_depth=*/1,
    /*filter_height=*/3,
    /*filter_width=*/3,
    /*filter_depth=*/1,
    /*output_height=*/4,
    /*output_width=*/4,
    /*output_depth=*/2,
    /*stride_height=*/1,
    /*stride_width=*/1,
    /*dilation_height=*/1,
    /*dilation_width=*/1,
    /*padding_top=*/0,
    /*padding_left=*/0,
    /*input_offset=*/128,
    /*output_offset=*/-128,
    /*activation_min=*/-128,
    /*activation_max=*/127,
};
static void step0_conv() {
    conv_2d_int8(
        step0_conv_params,
        reinterpret_cast<const int8_t*>(kerf_arena + 16),
        kerf_constant_step0_conv_weights,
        kerf_constant_step0_conv_bias,
        kerf_constant_step0_conv_multipliers,
        kerf_constant_step0_conv_shifts,
        reinterpret_cast<int8_t*>(kerf_arena + 0));
}

// 1 FULLY_CONNECTED 'dense' -> int8 [1, 3]
static constexpr FullyConnectedInt8Params step1_dense_params = {
    /*batches=*/1,
    /*input_depth=*/32,
    /*output_depth=*/3,
    /*input_offset=*/128,
    /*filter_offset=*/0,
    /*output_offset=*/4,
    /*activation_min=*/-128,
    /*activation_max=*/127,
};
static void step1_dense() {
    fully_connected_int8(
        step1_dense_params,
        reinterpret_cast<const int8_t*>(kerf_arena + 0),
        kerf_constant_step1_dense_weights,
        nullptr,
        kerf_constant_step1_dense_multipliers,
        kerf_constant_step1_dense_shifts,
        reinterpret_cast<int8_t*>(kerf_arena + 32));
}

const Descriptor kDescriptor = {
    /*sha256=*/{
        0x5a, 0x00, 0x79, 0xea, 0x6c, 0x7a, 0xcb, 0x0b, 0x61, 0xc7, 0x72, 0xbe, 0x64, 0xf6, 0xeb, 0xe0,
        0x4b, 0x8d, 0x56, 0x89, 0xe5, 0x51, 0x9f, 0xa5, 0x27, 0xda, 0x55, 0xa1, 0x09, 0x60, 0x4a, 0x9b,
    },
    /*name=*/"flatten",
    /*mlperf_id=*/"flatten",
    /*runtime=*/"aot",
    /*kernels=*/"portable",
    /*db_encoding=*/DbEncoding::kAsIs,
    /*input_count=*/1,
    /*output_count=*/1,
    /*op_count=*/2,
    /*arena_bytes=*/64,
    /*keeps_state=*/false,
};

static const Tensor kInputs[] = {
    // 'serving_default_keras_tensor:0', int8 [1, 6, 6, 1]
    {kerf_arena + 16, 36, DType::kInt8, 0x1.00c0eap-8f, -128},
};

static const Tensor kOutputs[] = {
    // 'StatefulPartitionedCall_1:0', int8 [1, 3]
    {kerf_arena + 32, 3, DType::kInt8, 0x1.45233cp-9f, 4},
};

Status reset() { return Status::kOk; }

Status setup() { return Status::kOk; }

uint32_t arena_used_bytes() { return sizeof(kerf_arena); }

uint32_t detail() { return 0; }

Tensor input(uint32_t i) { return kInputs[i]; }

Tensor output(uint32_t i) { return kOutputs[i]; }

Status invoke(AfterOp after_op) {
    if (after_op == nullptr) {
        step0_conv();
        step1_dense();
        return Status::kOk;
    }
    step0_conv();
    after_op(0, kerf_arena + 0, 32);
    step1_dense();
    after_op(1, kerf_arena + 32, 3);
    return Status::kOk;
}

}  // namespace kerf::model
