"""Boards with the Arduino framework: PlatformIO brings the compiler and uploads through the serial port."""

from . import Port

PORT = Port()
