// A GPIO of any chip that ESP-IDF supports, by its number.
#include "power/espidf.h"

#include "port/busy.h"

namespace kerf::port {

void set_busy(bool busy) {
    constexpr auto kPin = static_cast<gpio_num_t>(KERF_POWER_PIN);
    gpio_set_level(kPin, busy ? 1 : 0);
    gpio_set_direction(kPin, GPIO_MODE_OUTPUT);  // after a reset it is an input
}

}  // namespace kerf::port
