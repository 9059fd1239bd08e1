"""The model as kerf sees it: ir.py (what it is), ops/ (each operator), read.py (from .tflite), plan.py (memory)."""
