// Control flow: calls of functions that each run a block of steps.
#pragma once

namespace kerf {

// Runs the body as long as the condition is true. Equal to TFLM's WHILE (kernels/while.cc).
template <bool (*condition)(), void (*body)()>
inline void while_loop() {
    while (condition()) body();
}

// Runs one of two branches. Equal to TFLM's IF (kernels/if.cc).
template <void (*then_branch)(), void (*else_branch)()>
inline void if_else(const bool* condition) {
    if (*condition) {
        then_branch();
    } else {
        else_branch();
    }
}

}  // namespace kerf
