// What the kernels share: the shapes they are told about. Layouts are TFLite's: activations NHWC, CONV_2D filters OHWI,
// DEPTHWISE_CONV_2D filters 1HWO, FULLY_CONNECTED weights [out][in].
//
// Kernels depend on the standard library alone: no heap, no state, everything they need comes by argument.
#pragma once

#include <cstdint>

namespace kerf {}  // namespace kerf
