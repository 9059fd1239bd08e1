// Rendered by kerf 0.1.0; do not edit, render again.
//   model    'flatten', 2872 bytes
//   sha256   440d197ef8f3fbd0c4822915935a682173ca257883a870005d859f7e10a29132
//   options  --mode int8 --runtime tflm
//   library  'Chirale_TensorFLowLite 2.0.0'

#include <cstdint>
#include <limits>
#include <new>

#include "library/tflm.h"
#include "model/model.h"

namespace kerf::model {

// The .tflite as it is. TFLM reads it in place; flatbuffers want 16-byte alignment.
extern "C" alignas(16) const uint8_t kerf_constant_model[] = {
    28, 0, 0, 0, 84, 70, 76, 51, 20, 0, 32, 0, 28, 0, 24, 0, 20, 0, 16, 0, 12, 0, 0, 0,
    8, 0, 4, 0, 20, 0, 0, 0, 28, 0, 0, 0, 140, 0, 0, 0, 228, 0, 0, 0, 156, 2, 0, 0,
    172, 2, 0, 0, 128, 10, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 202, 252, 255, 255,
    12, 0, 0, 0, 28, 0, 0, 0, 60, 0, 0, 0, 15, 0, 0, 0, 115, 101, 114, 118, 105, 110, 103, 95,
    100, 101, 102, 97, 117, 108, 116, 0, 1, 0, 0, 0, 4, 0, 0, 0, 144, 255, 255, 255, 12, 0, 0, 0,
    4, 0, 0, 0, 8, 0, 0, 0, 111, 117, 116, 112, 117, 116, 95, 48, 0, 0, 0, 0, 1, 0, 0, 0,
    4, 0, 0, 0, 210, 252, 255, 255, 4, 0, 0, 0, 12, 0, 0, 0, 107, 101, 114, 97, 115, 95, 116, 101,
    110, 115, 111, 114, 0, 0, 0, 0, 2, 0, 0, 0, 52, 0, 0, 0, 4, 0, 0, 0, 220, 255, 255, 255,
    15, 0, 0, 0, 4, 0, 0, 0, 19, 0, 0, 0, 67, 79, 78, 86, 69, 82, 83, 73, 79, 78, 95, 77,
    69, 84, 65, 68, 65, 84, 65, 0, 8, 0, 12, 0, 8, 0, 4, 0, 8, 0, 0, 0, 14, 0, 0, 0,
    4, 0, 0, 0, 19, 0, 0, 0, 109, 105, 110, 95, 114, 117, 110, 116, 105, 109, 101, 95, 118, 101, 114, 115,
    105, 111, 110, 0, 16, 0, 0, 0, 180, 1, 0, 0, 172, 1, 0, 0, 152, 1, 0, 0, 132, 1, 0, 0,
    112, 1, 0, 0, 0, 1, 0, 0, 232, 0, 0, 0, 196, 0, 0, 0, 188, 0, 0, 0, 180, 0, 0, 0,
    172, 0, 0, 0, 164, 0, 0, 0, 156, 0, 0, 0, 148, 0, 0, 0, 116, 0, 0, 0, 4, 0, 0, 0,
    142, 253, 255, 255, 4, 0, 0, 0, 96, 0, 0, 0, 12, 0, 0, 0, 8, 0, 14, 0, 8, 0, 4, 0,
    8, 0, 0, 0, 16, 0, 0, 0, 40, 0, 0, 0, 0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0,
    4, 0, 0, 0, 1, 0, 0, 0, 235, 3, 0, 0, 12, 0, 24, 0, 20, 0, 16, 0, 12, 0, 4, 0,
    12, 0, 0, 0, 168, 116, 203, 82, 79, 65, 5, 174, 2, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0,
    6, 0, 0, 0, 50, 46, 50, 49, 46, 48, 0, 0, 250, 253, 255, 255, 4, 0, 0, 0, 16, 0, 0, 0,
    49, 46, 49, 52, 46, 48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 248, 255, 255, 28, 248, 255, 255,
    32, 248, 255, 255, 36, 248, 255, 255, 40, 248, 255, 255, 44, 248, 255, 255, 46, 254, 255, 255, 4, 0, 0, 0,
    18, 0, 0, 0, 191, 119, 129, 12, 80, 40, 33, 8, 203, 95, 215, 154, 129, 199, 157, 217, 146, 2, 0, 0,
    78, 254, 255, 255, 4, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 98, 254, 255, 255,
    4, 0, 0, 0, 96, 0, 0, 0, 23, 16, 190, 215, 3, 46, 211, 157, 215, 109, 22, 181, 113, 223, 220, 122,
    41, 0, 40, 254, 78, 141, 190, 100, 174, 236, 200, 46, 59, 239, 244, 199, 231, 209, 112, 236, 71, 215, 20, 36,
    145, 129, 81, 118, 129, 72, 94, 123, 254, 51, 142, 20, 59, 114, 89, 87, 191, 80, 26, 163, 105, 95, 167, 199,
    80, 3, 220, 88, 212, 82, 61, 213, 144, 204, 93, 101, 231, 12, 49, 63, 134, 79, 88, 191, 213, 36, 166, 111,
    219, 149, 252, 54, 33, 150, 218, 177, 206, 254, 255, 255, 4, 0, 0, 0, 4, 0, 0, 0, 32, 0, 0, 0,
    222, 254, 255, 255, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 238, 254, 255, 255, 4, 0, 0, 0,
    4, 0, 0, 0, 0, 0, 0, 0, 0, 249, 255, 255, 4, 249, 255, 255, 15, 0, 0, 0, 77, 76, 73, 82,
    32, 67, 111, 110, 118, 101, 114, 116, 101, 100, 46, 0, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 14, 0,
    24, 0, 20, 0, 16, 0, 12, 0, 8, 0, 4, 0, 14, 0, 0, 0, 20, 0, 0, 0, 28, 0, 0, 0,
    212, 1, 0, 0, 216, 1, 0, 0, 220, 1, 0, 0, 4, 0, 0, 0, 109, 97, 105, 110, 0, 0, 0, 0,
    6, 0, 0, 0, 108, 1, 0, 0, 32, 1, 0, 0, 192, 0, 0, 0, 128, 0, 0, 0, 88, 0, 0, 0,
    20, 0, 0, 0, 0, 0, 14, 0, 24, 0, 20, 0, 16, 0, 12, 0, 11, 0, 4, 0, 14, 0, 0, 0,
    20, 0, 0, 0, 0, 0, 0, 8, 16, 0, 0, 0, 20, 0, 0, 0, 5, 0, 0, 0, 156, 249, 255, 255,
    1, 0, 0, 0, 12, 0, 0, 0, 3, 0, 0, 0, 11, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255,
    0, 0, 10, 0, 16, 0, 12, 0, 8, 0, 4, 0, 10, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0,
    4, 0, 0, 0, 1, 0, 0, 0, 11, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 10, 0, 0, 0,
    118, 255, 255, 255, 28, 0, 0, 0, 0, 0, 0, 59, 28, 0, 0, 0, 32, 0, 0, 0, 3, 0, 0, 0,
    0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0,
    2, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 178, 255, 255, 255, 36, 0, 0, 0, 0, 0, 0, 32,
    36, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 4, 0, 14, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0,
    8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 14, 0, 26, 0, 20, 0,
    16, 0, 12, 0, 11, 0, 4, 0, 14, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 55, 28, 0, 0, 0,
    32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 6, 0, 8, 0, 7, 0, 6, 0, 0, 0, 0, 0, 0, 2,
    1, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 14, 0, 20, 0, 0, 0,
    16, 0, 12, 0, 11, 0, 4, 0, 14, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 1, 40, 0, 0, 0,
    44, 0, 0, 0, 12, 0, 20, 0, 19, 0, 12, 0, 8, 0, 7, 0, 12, 0, 0, 0, 0, 0, 0, 1,
    1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0,
    0, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0,
    0, 0, 0, 0, 13, 0, 0, 0, 48, 5, 0, 0, 184, 4, 0, 0, 96, 4, 0, 0, 12, 4, 0, 0,
    156, 3, 0, 0, 48, 3, 0, 0, 172, 2, 0, 0, 0, 2, 0, 0, 176, 1, 0, 0, 92, 1, 0, 0,
    4, 1, 0, 0, 128, 0, 0, 0, 4, 0, 0, 0, 26, 251, 255, 255, 0, 0, 0, 1, 24, 0, 0, 0,
    32, 0, 0, 0, 60, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 9, 80, 0, 0, 0, 2, 0, 0, 0,
    255, 255, 255, 255, 3, 0, 0, 0, 252, 250, 255, 255, 8, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0,
    249, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 60, 178, 58, 59, 27, 0, 0, 0, 83, 116, 97, 116,
    101, 102, 117, 108, 80, 97, 114, 116, 105, 116, 105, 111, 110, 101, 100, 67, 97, 108, 108, 95, 49, 58, 48, 0,
    2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 146, 251, 255, 255, 0, 0, 0, 1, 24, 0, 0, 0,
    32, 0, 0, 0, 64, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 9, 88, 0, 0, 0, 2, 0, 0, 0,
    255, 255, 255, 255, 32, 0, 0, 0, 116, 251, 255, 255, 8, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0,
    128, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0, 0, 161, 43, 43, 59, 30, 0, 0, 0,
    115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49, 47, 102, 108, 97, 116, 116, 101, 110, 95, 49, 47, 82,
    101, 115, 104, 97, 112, 101, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 32, 0, 0, 0, 134, 252, 255, 255,
    0, 0, 0, 1, 20, 0, 0, 0, 20, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 2, 52, 0, 0, 0,
    112, 252, 255, 255, 36, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49, 47, 102, 108, 97,
    116, 116, 101, 110, 95, 49, 47, 82, 101, 115, 104, 97, 112, 101, 47, 115, 104, 97, 112, 101, 0, 0, 0, 0,
    1, 0, 0, 0, 2, 0, 0, 0, 218, 252, 255, 255, 0, 0, 0, 1, 20, 0, 0, 0, 20, 0, 0, 0,
    10, 0, 0, 0, 0, 0, 0, 2, 52, 0, 0, 0, 196, 252, 255, 255, 36, 0, 0, 0, 115, 101, 113, 117,
    101, 110, 116, 105, 97, 108, 95, 49, 47, 102, 108, 97, 116, 116, 101, 110, 95, 49, 47, 115, 116, 114, 105, 100,
    101, 100, 95, 115, 108, 105, 99, 101, 0, 0, 0, 0, 0, 0, 0, 0, 42, 253, 255, 255, 0, 0, 0, 1,
    20, 0, 0, 0, 20, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 2, 44, 0, 0, 0, 20, 253, 255, 255,
    28, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49, 47, 102, 108, 97, 116, 116, 101, 110,
    95, 49, 47, 83, 104, 97, 112, 101, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2, 253, 255, 255,
    0, 0, 0, 1, 24, 0, 0, 0, 40, 0, 0, 0, 68, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 9,
    120, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255, 255, 4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0,
    236, 252, 255, 255, 8, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 128, 255, 255, 255, 255, 255, 255, 255,
    1, 0, 0, 0, 161, 43, 43, 59, 56, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49,
    47, 99, 111, 110, 118, 95, 49, 47, 82, 101, 108, 117, 59, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95,
    49, 47, 99, 111, 110, 118, 95, 49, 47, 99, 111, 110, 118, 111, 108, 117, 116, 105, 111, 110, 0, 0, 0, 0,
    4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 30, 254, 255, 255,
    0, 0, 0, 1, 20, 0, 0, 0, 60, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 9, 84, 0, 0, 0,
    124, 253, 255, 255, 8, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 188, 243, 99, 59, 33, 62, 107, 59, 31, 0, 0, 0,
    115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49, 47, 99, 111, 110, 118, 95, 49, 47, 99, 111, 110, 118,
    111, 108, 117, 116, 105, 111, 110, 0, 4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0,
    1, 0, 0, 0, 158, 254, 255, 255, 0, 0, 0, 1, 20, 0, 0, 0, 64, 0, 0, 0, 6, 0, 0, 0,
    0, 0, 0, 2, 72, 0, 0, 0, 252, 253, 255, 255, 8, 0, 0, 0, 28, 0, 0, 0, 2, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
    66, 18, 100, 55, 161, 93, 107, 55, 14, 0, 0, 0, 97, 114, 105, 116, 104, 46, 99, 111, 110, 115, 116, 97,
    110, 116, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 6, 255, 255, 255, 0, 0, 0, 1, 20, 0, 0, 0,
    48, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 9, 72, 0, 0, 0, 100, 254, 255, 255, 8, 0, 0, 0,
    16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 147, 129, 83, 59,
    28, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49, 47, 100, 101, 110, 115, 101, 95, 49,
    47, 77, 97, 116, 77, 117, 108, 49, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 32, 0, 0, 0,
    114, 255, 255, 255, 0, 0, 0, 1, 20, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 2,
    52, 0, 0, 0, 92, 255, 255, 255, 38, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49,
    47, 102, 108, 97, 116, 116, 101, 110, 95, 49, 47, 82, 101, 115, 104, 97, 112, 101, 47, 115, 104, 97, 112, 101,
    47, 49, 0, 0, 0, 0, 0, 0, 194, 255, 255, 255, 0, 0, 0, 1, 20, 0, 0, 0, 20, 0, 0, 0,
    3, 0, 0, 0, 0, 0, 0, 2, 28, 0, 0, 0, 172, 255, 255, 255, 15, 0, 0, 0, 97, 114, 105, 116,
    104, 46, 99, 111, 110, 115, 116, 97, 110, 116, 49, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 22, 0,
    28, 0, 24, 0, 23, 0, 16, 0, 12, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 0, 22, 0, 0, 0,
    0, 0, 0, 1, 24, 0, 0, 0, 24, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 60, 0, 0, 0,
    4, 0, 4, 0, 4, 0, 0, 0, 42, 0, 0, 0, 115, 101, 113, 117, 101, 110, 116, 105, 97, 108, 95, 49,
    47, 102, 108, 97, 116, 116, 101, 110, 95, 49, 47, 115, 116, 114, 105, 100, 101, 100, 95, 115, 108, 105, 99, 101,
    47, 115, 116, 97, 99, 107, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 22, 0, 32, 0, 28, 0,
    27, 0, 20, 0, 16, 0, 12, 0, 0, 0, 0, 0, 8, 0, 7, 0, 22, 0, 0, 0, 0, 0, 0, 1,
    24, 0, 0, 0, 52, 0, 0, 0, 84, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 108, 0, 0, 0,
    4, 0, 0, 0, 255, 255, 255, 255, 6, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 12, 0, 12, 0,
    0, 0, 0, 0, 8, 0, 4, 0, 12, 0, 0, 0, 8, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0,
    128, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 1, 0, 0, 0, 36, 17, 128, 59, 30, 0, 0, 0,
    115, 101, 114, 118, 105, 110, 103, 95, 100, 101, 102, 97, 117, 108, 116, 95, 107, 101, 114, 97, 115, 95, 116, 101,
    110, 115, 111, 114, 58, 48, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 6, 0, 0, 0,
    1, 0, 0, 0, 6, 0, 0, 0, 112, 0, 0, 0, 84, 0, 0, 0, 56, 0, 0, 0, 40, 0, 0, 0,
    24, 0, 0, 0, 4, 0, 0, 0, 180, 255, 255, 255, 9, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 9,
    220, 255, 255, 255, 22, 0, 0, 0, 0, 0, 0, 22, 232, 255, 255, 255, 83, 0, 0, 0, 0, 0, 0, 83,
    244, 255, 255, 255, 45, 0, 0, 0, 0, 0, 0, 45, 12, 0, 12, 0, 11, 0, 0, 0, 0, 0, 4, 0,
    12, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 77, 12, 0, 16, 0, 15, 0, 0, 0, 8, 0, 4, 0,
    12, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 3,
};
static_assert(sizeof(kerf_constant_model) == 2872);

// 4,096 bytes, for this test.
extern "C" {
alignas(16) uint8_t kerf_arena[4096];
}

// The memory that setup() gives to the interpreter. volatile, because kerf finds the smallest arena by changing these
// two words in a copy of the linked firmware.
struct Memory {
    uint8_t* data;
    uint32_t bytes;
};
extern "C" const volatile Memory kerf_arena_memory = {kerf_arena, sizeof(kerf_arena)};

namespace {

constexpr uint32_t kTensors = 13;
constexpr uint32_t kOps = 6;
// Below this there is no room for the allocator itself, which would fail without saying so.
constexpr uint32_t kLeastArenaBytes = 1024;

// Each operator's output: its tensor in the model, and how long it is.
struct Output {
    uint16_t tensor;
    uint32_t bytes;
};
constexpr Output kOpOutputs[] = {
    {7, 32},  // 0 CONV_2D 'conv_1'
    {8, 16},  // 1 SHAPE 'flatten_1'
    {9, 4},  // 2 STRIDED_SLICE 'flatten_1_2'
    {10, 8},  // 3 PACK 'flatten_1/Reshape'
    {11, 32},  // 4 RESHAPE 'flatten_1_3'
    {12, 3},  // 5 FULLY_CONNECTED 'dense_1'
};
static_assert(sizeof(kOpOutputs) / sizeof(kOpOutputs[0]) == kOps);

// TFLM's allocator, which also remembers how much the first request it refused was short of.
class Allocator final : public tflite::SingleArenaBufferAllocator {
  public:
    using SingleArenaBufferAllocator::SingleArenaBufferAllocator;

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
        // Asking for all there is, the planner takes its working memory: so much for each tensor it places.
        const size_t planner = kTensors * tflite::GreedyMemoryPlanner::per_buffer_size();
        planner_missing_ = size == room && room < planner ? planner - room : planner_missing_;
        return buffer;
    }

    // 0: nothing was refused. A lower bound: what would have been asked for next is not known.
    uint32_t missing_bytes() const { return static_cast<uint32_t>(missing_ > 0 ? missing_ : planner_missing_); }

    TF_LITE_REMOVE_VIRTUAL_DELETE

  private:
    void refused(size_t size, size_t room) {
        if (missing_ == 0) missing_ = size > room ? size - room : 1;
    }

    size_t missing_ = 0;
    size_t planner_missing_ = 0;
};

// Reports operators as they end. TFLM tells the profiler of each operator in turn, and of nothing else.
class Profiler final : public tflite::MicroProfilerInterface {
  public:
    void start(AfterOp after_op, const TfLiteContext& context) {
        after_op_ = after_op;
        context_ = &context;
        done_ = 0;
    }

    uint32_t done() const { return done_; }

    uint32_t BeginEvent(const char*) override { return 0; }

    void EndEvent(uint32_t) override {
        if (after_op_ != nullptr && done_ < kOps) {
            const Output& output = kOpOutputs[done_];
            after_op_(done_, context_->GetEvalTensor(context_, output.tensor)->data.data, output.bytes);
        }
        ++done_;
    }

    TF_LITE_REMOVE_VIRTUAL_DELETE

  private:
    AfterOp after_op_ = nullptr;
    const TfLiteContext* context_ = nullptr;
    uint32_t done_ = 0;
};

class Interpreter final : public tflite::MicroInterpreter {
  public:
    using MicroInterpreter::context;
    using MicroInterpreter::MicroInterpreter;
};

// Made by setup() and never destroyed. The memory is static, but not the objects: they would register destructors.
template <typename T>
struct Slot {
    alignas(T) uint8_t bytes[sizeof(T)];

    template <typename... Arguments>
    T& make(Arguments&&... arguments) {
        return *new (bytes) T(arguments...);
    }
};

Slot<Allocator> allocator_slot;
Slot<tflite::GreedyMemoryPlanner> planner_slot;
Slot<tflite::MicroMutableOpResolver<6>> resolver_slot;
Slot<Profiler> profiler_slot;
Slot<Interpreter> interpreter_slot;

Profiler* profiler = nullptr;
Interpreter* interpreter = nullptr;
uint32_t last_detail = 0;

Status fail(Status status, uint32_t detail) {
    last_detail = detail;
    return status;
}

}  // namespace

const Descriptor kDescriptor = {
    /*sha256=*/{
        0x44, 0x0d, 0x19, 0x7e, 0xf8, 0xf3, 0xfb, 0xd0, 0xc4, 0x82, 0x29, 0x15, 0x93, 0x5a, 0x68, 0x21,
        0x73, 0xca, 0x25, 0x78, 0x83, 0xa8, 0x70, 0x00, 0x5d, 0x85, 0x9f, 0x7e, 0x10, 0xa2, 0x91, 0x32,
    },
    /*name=*/"flatten",
    /*mlperf_id=*/"flatten",
    /*runtime=*/"tflm",
    /*kernels=*/"Chirale_TensorFLowLite 2.0.0",
    /*db_encoding=*/DbEncoding::kAsIs,
    /*input_count=*/1,
    /*output_count=*/1,
    /*op_count=*/6,
    /*arena_bytes=*/4096,
};

struct Port {
    DType dtype;
    float scale;
    int32_t zero_point;
};

static const Port kInputs[] = {
    // 'serving_default_keras_tensor:0', int8 [1, 6, 6, 1]
    {DType::kInt8, 0x1.002248p-8f, -128},
};

static const Port kOutputs[] = {
    // 'StatefulPartitionedCall_1:0', int8 [1, 3]
    {DType::kInt8, 0x1.756478p-9f, -7},
};

Status setup() {
    const tflite::Model* const model = tflite::GetModel(kerf_constant_model);
    if (model->version() != TFLITE_SCHEMA_VERSION) return fail(Status::kBadModel, model->version());

    auto& resolver = resolver_slot.make();
    TfLiteStatus added[] = {
        resolver.AddConv2D(tflite::Register_CONV_2D_INT8()),
        resolver.AddFullyConnected(tflite::Register_FULLY_CONNECTED_INT8()),
        resolver.AddPack(),
        resolver.AddReshape(),
        resolver.AddShape(),
        resolver.AddStridedSlice(),
    };
    for (const TfLiteStatus status : added) {
        if (status != kTfLiteOk) return fail(Status::kBadModel, 0);
    }

    const uint32_t bytes = kerf_arena_memory.bytes;
    if (bytes < kLeastArenaBytes) return fail(Status::kArenaTooSmall, kLeastArenaBytes - bytes);
    Allocator& allocator = allocator_slot.make(kerf_arena_memory.data, bytes);
    profiler = &profiler_slot.make();
    auto* const memory = tflite::MicroAllocator::Create(&allocator, &planner_slot.make());
    interpreter = &interpreter_slot.make(model, resolver, memory, nullptr, profiler);
    if (interpreter->AllocateTensors() != kTfLiteOk) {
        const uint32_t missing = allocator.missing_bytes();
        return missing > 0 ? fail(Status::kArenaTooSmall, missing) : fail(Status::kBadModel, 0);
    }
    return Status::kOk;
}

uint32_t arena_used_bytes() { return interpreter == nullptr ? 0 : static_cast<uint32_t>(interpreter->arena_used_bytes()); }

uint32_t detail() { return last_detail; }

Tensor input(uint32_t i) {
    const TfLiteTensor* const tensor = interpreter->input(i);
    return {tensor->data.data, static_cast<uint32_t>(tensor->bytes), kInputs[i].dtype, kInputs[i].scale, kInputs[i].zero_point};
}

Tensor output(uint32_t i) {
    const TfLiteTensor* const tensor = interpreter->output(i);
    return {tensor->data.data, static_cast<uint32_t>(tensor->bytes), kOutputs[i].dtype, kOutputs[i].scale, kOutputs[i].zero_point};
}

Status invoke(AfterOp after_op) {
    profiler->start(after_op, interpreter->context());
    return interpreter->Invoke() == kTfLiteOk ? Status::kOk : fail(Status::kInvokeFailed, profiler->done());
}

}  // namespace kerf::model
