// Shapes, as shared by the kernels. Layouts are TFLite's: activations NHWC, CONV_2D filters OHWI, DEPTHWISE_CONV_2D
// filters 1HWO, FULLY_CONNECTED weights [out][in].
//
// Kernels only depend on the standard library: no heap, no state, everything they need is an argument.
#pragma once

#include <cstdint>

namespace kerf {}  // namespace kerf
