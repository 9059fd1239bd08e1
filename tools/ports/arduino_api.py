"""Any board with the Arduino API: PlatformIO installs the compiler and uploads over the serial port."""

from . import Port

PORT = Port()
