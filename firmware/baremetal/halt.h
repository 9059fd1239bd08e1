// What ends the program: a failed assert() and abort() report themselves and halt.
#pragma once

namespace kerf::baremetal {

// Stops the processor with its interrupts disabled; each port implements it.
[[noreturn]] void halt();

}  // namespace kerf::baremetal
