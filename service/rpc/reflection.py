"""``grpc.reflection.v1alpha``: the descriptors of the services, one question at a time."""

from collections.abc import Sequence
from functools import partial

import grpc
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, ReflectionServicer

from service.rpc.calls import Call
from service.rpc.desk import Desk, status_for
from service.rpc.endpoints import Endpoint

METHOD = f"{SERVICE_NAME}/ServerReflectionInfo"


class Reflection(Endpoint):
    """A conversation: as many questions and answers as the client likes, each in good time.

    Args:
        services: names of the services.
        desk: what the endpoints share.
    """

    def __init__(self, services: Sequence[str], desk: Desk) -> None:
        super().__init__(METHOD, desk, timed=False)
        self._servicer = ReflectionServicer((*services, SERVICE_NAME))

    def take(self, call: Call, request: bytes) -> None:
        """Queue one question."""
        if self._desk.admission.try_enter():
            self._desk.memory.put(self._reply, call, request)
        else:
            self._desk.shed(call)

    def _received(self, call: Call, request: bytes | None) -> None:
        if request is None:
            call.finish()
        else:
            super()._received(call, request)

    def _reply(self, call: Call, request: bytes) -> None:
        outcome = self._outcome(request)
        self._desk.admission.leave()
        if isinstance(outcome, bytes):
            self._desk.leaving.watch(call)
            call.send(outcome, partial(self._listen, call))
        else:
            self._end(call, outcome)

    def _outcome(self, request: bytes) -> bytes | grpc.Status:
        try:
            question = pb.ServerReflectionRequest.FromString(request)
            # Its type wants a context, its code does not.
            answers = self._servicer.ServerReflectionInfo(iter((question,)), None)  # type: ignore[arg-type]
            (answer,) = answers
            reply: bytes = answer.SerializeToString()
            return reply
        except Exception as error:
            return status_for(error)

    def _listen(self, call: Call) -> None:
        self._desk.leaving.forget(call)
        self._desk.arriving.watch(call)
        call.receive(partial(self._received, call))
