// The parts of the port that other files of it provide.
#pragma once

namespace kerf::port {

void init_memory();
void init_ticks();            // clocks/
[[noreturn]] void restart();  // chips/

}  // namespace kerf::port
