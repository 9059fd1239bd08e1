// The parts of port::init(), each in the file that owns it.
#pragma once

namespace kerf::port {

void init_faults();
void init_stack();
void init_ticks();
void init_serial();

}  // namespace kerf::port
