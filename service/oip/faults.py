"""The error shape of the protocol."""

from service.error_table import Fault
from service.messages import dump
from service.oip.messages import InferenceError

ROOT = "/v2"
"""Every path of the protocol begins so."""


def is_inference_path(path: str) -> bool:
    """Whether an error at this path must have the protocol's shape."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def error_body(fault: Fault) -> bytes:
    """The JSON body: what the other paths nest stands flat here, beside a string ``error``."""
    allowed = fault.allowed
    if allowed is not None and not isinstance(allowed, str):
        allowed = list(allowed)
    return dump(
        InferenceError(
            error=fault.message,
            code=fault.code,
            field=fault.field,
            allowed=allowed,
            correlation_id=fault.correlation_id,
        )
    )
