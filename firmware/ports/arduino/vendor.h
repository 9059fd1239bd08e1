// Arduino and Mbed OS, from ArduinoCore-mbed 4.5.0. Their headers cause warnings with the firmware's flags, which are
// suppressed by including them as system headers.
#pragma once
#pragma GCC system_header

// <chrono> comes first: Mbed uses it, it declares abs(), and Arduino.h defines abs as a macro.
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
