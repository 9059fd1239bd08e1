// The parts of port::init(), each implemented in the file that owns it.
#pragma once

namespace kerf::port {

void init_faults();
extern "C" void kerf_init_ticks();  // a C name, as kerf_ticks() of port.h has
void init_serial();

}  // namespace kerf::port
