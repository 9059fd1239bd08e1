"""Boards with the Arduino framework: PlatformIO installs the compiler and uploads over the serial port."""

from . import Port

PORT = Port()
