# Run by PlatformIO before the build (extra_scripts).
Import("env")  # noqa: F821

# 'Chirale_TensorFLowLite 2.0.0': these files need the Arduino API, and nothing here needs them.
env.AddBuildMiddleware(lambda env, node: None, "*/peripherals/*")  # noqa: F821
