// ESP-IDF 5.5. Its headers are not free of the warnings that the firmware is built with; as system headers they are
// allowed to.
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
#include <xtensa_context.h>
