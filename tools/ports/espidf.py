"""Boards with ESP-IDF: PlatformIO brings the compiler and uploads through the serial port."""

from . import Port

PORT = Port(takes_spaces=False)
