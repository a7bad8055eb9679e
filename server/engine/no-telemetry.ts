// onnxruntime writes telemetry state into the user's cache unless this stands in the environment before it loads.
// Native code reads the process's environment, which only the main thread can change.
process.env["ORT_DISABLE_TELEMETRY"] = "1";
