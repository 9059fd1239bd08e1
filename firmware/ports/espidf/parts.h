// What the files of this port share.
#pragma once

namespace kerf::port {

void init_serial();
void init_memory();

// From now on write() sends byte by byte with the ROM's routine: no driver, no interrupts, no locks.
void send_without_driver();

}  // namespace kerf::port
