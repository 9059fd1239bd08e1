// What firmware without an operating system gets from its linker script.
#pragma once

#include <stdint.h>

// Addresses that baremetal.ld defines.
extern "C" {
extern uint32_t __stack_limit[], __stack_top[], __data_begin[], __data_end[], __bss_begin[], __bss_end[];
extern uint8_t __ram_end[];
extern const uint32_t __data_source[];
}
