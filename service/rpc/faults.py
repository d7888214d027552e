"""From a fault to the status of a gRPC call, with the facts in ``grpc-status-details-bin``."""

import json

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]
    BadRequest,
    ErrorInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status.rpc_status import to_status

from service.error_table import Fault

DOMAIN = "tidecast"


def status_of(fault: Fault) -> grpc.Status:
    """The status that tells a caller what REST tells in its body.

    The details are an ``ErrorInfo`` (reason: the code in capitals; metadata: ``field``,
    ``allowed`` as text or as a JSON list, ``correlation_id``), a ``BadRequest`` where a field is
    wrong, and a ``RetryInfo`` where waiting may help.
    """
    details: list[Message] = [
        ErrorInfo(reason=fault.code.upper(), domain=DOMAIN, metadata=_metadata(fault))
    ]
    if fault.field is not None:
        violation = BadRequest.FieldViolation(field=fault.field, description=fault.message)
        details.append(BadRequest(field_violations=[violation]))
    if (seconds := fault.retry_after_seconds) is not None:
        details.append(RetryInfo(retry_delay=Duration(seconds=seconds)))
    code: int = grpc.StatusCode[fault.grpc_code].value[0]
    return to_status(Status(code=code, message=fault.message, details=map(_packed, details)))


def _metadata(fault: Fault) -> dict[str, str]:
    allowed = fault.allowed
    if allowed is not None and not isinstance(allowed, str):
        allowed = json.dumps(list(allowed))
    facts = {
        "field": fault.field,
        "allowed": allowed,
        "correlation_id": fault.correlation_id,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _packed(detail: Message) -> Any:
    packed = Any()
    packed.Pack(detail)
    return packed
