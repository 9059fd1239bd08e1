// Static memory for an object that is constructed on demand and never destroyed: a static object would register a
// destructor.
#pragma once

#include <cstdint>
#include <new>

namespace kerf::tflm {

template <typename T>
struct Slot {
    alignas(T) uint8_t bytes[sizeof(T)];

    template <typename... Arguments>
    T& make(Arguments&&... arguments) {
        return *new (bytes) T(arguments...);
    }
};

}  // namespace kerf::tflm
