// The pin that tells an instrument when an inference runs. KERF_POWER_PIN is the board's pin, as the board table names
// it (custom_power_pin); one of the .cpp files of this folder drives it.
#pragma once

namespace kerf::port {

// Makes the pin an output that is high while `busy`.
void set_busy(bool busy);

}  // namespace kerf::port
