// The serial link: UART0, which is wired to the board's USB bridge. ESP-IDF's console is off (sdkconfig.defaults), so
// only the ROM also writes to it, once, at boot.
#include "port/port.h"
#include "ports/espidf/parts.h"
#include "ports/espidf/vendor.h"

namespace {

constexpr uart_port_t kUart = UART_NUM_0;
constexpr int kTxPin = U0TXD_GPIO_NUM;  // as set by the ROM
constexpr int kRxPin = U0RXD_GPIO_NUM;
constexpr int kReceiveBytes = 1024;
constexpr uint8_t kReceiveTimeout = 2;  // in byte times: deliver what has arrived after a pause of 0.2 ms

uint8_t ahead;  // a byte that idle() has waited for
bool has_ahead = false;
bool without_driver = false;

}  // namespace

namespace kerf::port {

void init_serial() {
    uart_config_t config = {};
    config.baud_rate = 115200;
    config.data_bits = UART_DATA_8_BITS;
    config.parity = UART_PARITY_DISABLE;
    config.stop_bits = UART_STOP_BITS_1;
    config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
    config.source_clk = UART_SCLK_DEFAULT;
    ESP_ERROR_CHECK(uart_driver_install(kUart, kReceiveBytes, 0, 0, nullptr, 0));
    ESP_ERROR_CHECK(uart_param_config(kUart, &config));
    ESP_ERROR_CHECK(uart_set_pin(kUart, kTxPin, kRxPin, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE));
    ESP_ERROR_CHECK(uart_set_rx_timeout(kUart, kReceiveTimeout));
}

bool read(uint8_t* byte) {
    if (has_ahead) {
        has_ahead = false;
        *byte = ahead;
        return true;
    }
    return uart_read_bytes(kUart, byte, 1, 0) == 1;
}

void write(const uint8_t* bytes, size_t count) {
    if (without_driver) {
        for (size_t i = 0; i < count; ++i) esp_rom_output_tx_one_char(bytes[i]);
        return;
    }
    uart_write_bytes(kUart, bytes, count);
}

void idle() {
    if (!has_ahead) has_ahead = uart_read_bytes(kUart, &ahead, 1, portMAX_DELAY) == 1;
}

void send_without_driver() {
    without_driver = true;
}

}  // namespace kerf::port
