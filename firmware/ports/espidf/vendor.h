// ESP-IDF 5.5. Its headers cause warnings with the firmware's flags, which are suppressed by including them as system
// headers.
#pragma once
#pragma GCC system_header

#include <driver/uart.h>
#include <esp_cpu.h>
#include <esp_heap_caps.h>
#include <esp_private/panic_internal.h>
#include <esp_rom_uart.h>
#include <esp_system.h>
#include <esp_task.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <sdkconfig.h>
#include <soc/uart_pins.h>
#if CONFIG_IDF_TARGET_ARCH_RISCV
#include <riscv/rvruntime-frames.h>
#else
#include <xtensa_context.h>
#endif
