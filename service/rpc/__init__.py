"""gRPC: the server inside the worker, its two services, its interceptors."""
