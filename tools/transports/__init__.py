"""One module per way to reach a firmware, found by file name: bytes in, bytes out."""
