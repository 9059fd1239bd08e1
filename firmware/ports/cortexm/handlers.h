// The exception handlers that the vector table names.
#pragma once

extern "C" {
[[noreturn]] void reset_handler();
void fault_handler();    // faults.cpp: every exception nobody asked for
void systick_handler();  // ticks.cpp
void receive_handler();  // serial.cpp
}
