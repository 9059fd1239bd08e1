// Shared by the files of this port.
#pragma once

namespace kerf::port {

void init_serial();
void init_memory();

// Makes write() send byte by byte with the ROM's routine from now on: no driver, no interrupts, no locks.
void send_without_driver();

}  // namespace kerf::port
