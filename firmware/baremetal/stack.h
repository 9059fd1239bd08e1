// The stack high-water mark.
#pragma once

namespace kerf::baremetal {

// Paints the stack below the caller's frame, for stack_used_bytes() of port.h.
void init_stack();

}  // namespace kerf::baremetal
