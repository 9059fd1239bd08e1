// Arduino and Mbed OS, as ArduinoCore-mbed 4.5.0 has them. Their headers are not free of the warnings that the firmware
// is built with; as system headers they are allowed to.
#pragma once
#pragma GCC system_header

// <chrono> goes first: Mbed uses it, it has functions abs(), and Arduino.h makes that name a macro.
// clang-format off
#include <chrono>
// clang-format on

#include <Arduino.h>
#include <USB/PluggableUSBSerial.h>
#include <cmsis_os2.h>
#include <nrf.h>
#include <platform/internal/mbed_fault_handler.h>
#include <platform/mbed_error.h>
#include <rtos/ThisThread.h>
#include <rtx_os.h>
#include <unistd.h>
