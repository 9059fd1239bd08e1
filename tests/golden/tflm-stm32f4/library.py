# Run by PlatformIO before the build (extra_scripts).
Import("env")  # noqa: F821

# 'Chirale_TensorFLowLite 2.0.0': skip the files that need the Arduino API; the model does not use them.
env.AddBuildMiddleware(lambda env, node: None, "*/peripherals/*")  # noqa: F821
