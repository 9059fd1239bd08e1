// The parts of port::init(), each implemented in the file that owns it.
#pragma once

namespace kerf::port {

void init_faults();
void init_serial();

}  // namespace kerf::port
