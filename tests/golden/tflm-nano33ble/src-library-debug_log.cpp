// Rendered by kerf 0.1.0; do not edit, render again.
//   model    'flatten', 2872 bytes
//   sha256   440d197ef8f3fbd0c4822915935a682173ca257883a870005d859f7e10a29132
//   options  --mode int8 --runtime tflm

// The library leaves its text output to the port. Nobody reads it: a failure is a status with a detail, and text between
// the frames of the protocol would only be skipped.
extern "C" void DebugLog(const char*) {}
