// ESP-IDF's GPIO driver. Its headers cause warnings with the firmware's flags, which are suppressed by including them
// as system headers.
#pragma once
#pragma GCC system_header

#include <driver/gpio.h>
