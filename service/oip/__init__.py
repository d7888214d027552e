"""The Open Inference Protocol v2 over the data plane, for both transports."""
