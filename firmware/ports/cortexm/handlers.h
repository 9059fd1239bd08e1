// The exception handlers in the vector table.
#pragma once

extern "C" {
[[noreturn]] void reset_handler();
void fault_handler();    // faults.cpp: every unexpected exception
void systick_handler();  // ticks.cpp
void receive_handler();  // serial.cpp
}
