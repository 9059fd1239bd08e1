"""The compiler: read.py (.tflite → Graph), ir.py (its values), ops/ (the operators), passes/, schedule.py, plan.py."""
