// The Arduino API. Its headers cause warnings with the firmware's flags, which are suppressed by including them as
// system headers.
#pragma once
#pragma GCC system_header

// <chrono> comes first: Mbed's headers use it, it declares abs(), and Arduino.h defines abs as a macro.
// clang-format off
#include <chrono>
// clang-format on

#include <Arduino.h>
