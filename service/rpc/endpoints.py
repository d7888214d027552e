"""What happens to a call of one method, from its arrival on. Called on the thread of the wire."""

from collections.abc import Callable
from functools import partial

import grpc

from service.error_table import fault_of_status
from service.rpc.calls import Call
from service.rpc.desk import MAX_WAITING_FOR_STORE, STORE_AWAY, UNREADABLE, Desk, status_for
from service.rpc.faults import status_of
from service.rpc.methods import Method
from service.rpc.metrics import UNKNOWN, Tally


class Endpoint:
    """Receives one request of every call, and counts the calls when they are over.

    Args:
        name: ``package.Service/Method``.
        desk: what the endpoints share.
        timed: whether the duration of a call means anything.
    """

    def __init__(self, name: str, desk: Desk, *, timed: bool) -> None:
        self._desk = desk
        self._tally = Tally(name, timed=timed)

    def __call__(self, call: Call) -> None:
        """A call has arrived."""
        self._desk.arriving.watch(call)
        call.on_end(partial(self._over, call))
        call.receive(partial(self._received, call))

    def _received(self, call: Call, request: bytes | None) -> None:
        self._desk.arriving.forget(call)
        if request is None:
            call.fail(UNREADABLE)
        else:
            self.take(call, request)

    def take(self, call: Call, request: bytes) -> None:
        """The request of a call is there."""
        raise NotImplementedError

    def _over(self, call: Call) -> None:
        for patience in (self._desk.arriving, self._desk.leaving, self._desk.reading):
            patience.forget(call)
        self._tally.count(call)

    def _end(self, call: Call, outcome: bytes | grpc.Status) -> None:
        """Answer, or say why not."""
        self._desk.leaving.watch(call)
        if isinstance(outcome, bytes):
            call.finish(outcome)
        else:
            call.fail(outcome)


class Unary(Endpoint):
    """One request, one answer.

    A request takes its place when it has come whole, and before it waits for a thread. So who
    sends slowly takes nobody's place, and a request beyond the limit is refused at once.
    """

    def __init__(self, name: str, method: Method, desk: Desk) -> None:
        super().__init__(name, desk, timed=True)
        self._method = method

    def take(self, call: Call, request: bytes) -> None:
        """Answer here and now what needs no place, and queue the rest."""
        desk = self._desk
        queued = self._read if self._method.blocking else self._recall
        if self._method.exempt:
            self._end(call, self._outcome(request))
        elif desk.memory.held:
            # For a moment only: nobody shall be refused because of it.
            desk.memory.put(queued, call, request, _nothing)
        elif desk.admission.try_enter():
            desk.memory.put(queued, call, request, desk.admission.leave)
        else:
            desk.shed(call)

    def _recall(self, call: Call, request: bytes, leave: Callable[[], None]) -> None:
        """Answer from memory; the place is free before the client can ask again."""
        try:
            outcome = self._refusal(call) or self._outcome(request) if call.active else None
        finally:
            leave()
        if outcome is not None:
            self._end(call, outcome)

    def _read(self, call: Call, request: bytes, leave: Callable[[], None]) -> None:
        """Queue what is to be read from the store."""
        call.on_end(leave)
        refusal = self._refusal(call)
        if refusal is None and self._desk.store.waiting >= MAX_WAITING_FOR_STORE:
            refusal = STORE_AWAY
        if refusal is not None:
            self._end(call, refusal)
        else:
            self._desk.reading.watch(call)
            self._desk.store.put(self._answer_in_time, call, request)

    def _answer_in_time(self, call: Call, request: bytes) -> None:
        if call.active:
            self._end(call, self._outcome(request))

    def _refusal(self, call: Call) -> grpc.Status | None:
        try:
            self._desk.check(call)
        except Exception as error:
            return status_for(error)
        return None

    def _outcome(self, request: bytes) -> bytes | grpc.Status:
        try:
            return self._method.answer(self._method.parse(request))
        except Exception as error:
            return status_for(error)


class Unknown:
    """Answers for all methods that no service has."""

    def __init__(self) -> None:
        self._status = status_of(fault_of_status(501))
        self._tally = Tally(UNKNOWN, timed=False)

    def __call__(self, call: Call) -> None:
        """A call has arrived."""
        call.on_end(partial(self._tally.count, call))
        call.fail(self._status)


def _nothing() -> None:
    pass
