// Everything used of TFLite Micro, whichever library provides it. A system header, because its warnings are not this
// project's concern. Checked with versions of TFLM from early 2023 to 2026.
#pragma once
#pragma GCC system_header

#if !__has_include("tensorflow/lite/micro/micro_interpreter.h")
#error "TFLite Micro's headers are missing: add its library to your build; README.md of an exported model says how"
#endif

#include "tensorflow/lite/micro/arena_allocator/single_arena_buffer_allocator.h"
#include "tensorflow/lite/micro/kernels/mul.h"  // Register_MUL_INT8, which older resolvers lack
#include "tensorflow/lite/micro/memory_planner/greedy_memory_planner.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"
