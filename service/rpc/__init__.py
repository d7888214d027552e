"""gRPC: the server, its services, and what every call passes; the one place that knows grpc."""

import os

# The library writes to stderr what clients do wrong, past our log and as errors.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
