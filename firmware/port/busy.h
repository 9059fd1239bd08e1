// The pin that tells an instrument when an inference runs. Without an instrument there is none; with one, the build
// puts firmware/power/busy.h and a driver of that folder in place of this file.
#pragma once

namespace kerf::port {

inline void set_busy(bool) {}

}  // namespace kerf::port
