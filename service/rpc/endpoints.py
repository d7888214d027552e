"""What happens to a call of one method, from its arrival on. Called on the thread of the wire."""

from collections.abc import Callable
from functools import partial

from service.error_table import fault_of_status
from service.rpc.calls import Call
from service.rpc.desk import MAX_WAITING_FOR_STORE, UNREADABLE, Desk, status_for
from service.rpc.faults import status_of
from service.rpc.methods import Method
from service.rpc.metrics import UNKNOWN, Tally
from tidecast.errors import StoreUnavailable


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

    def _guarded(self, call: Call, step: Callable[[Call, bytes], None], request: bytes) -> None:
        """Whatever a step raises becomes the status of the call."""
        try:
            step(call, request)
        except Exception as error:
            self._desk.leaving.watch(call)
            call.fail(status_for(error))


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
        if self._method.exempt:
            self._guarded(call, self._answer, request)
        elif self._desk.memory.held:
            # For a moment only: nobody shall be refused because of it.
            step = self._queue_for_store if self._method.blocking else self._check_and_answer
            self._desk.memory.put(self._guarded, call, step, request)
        elif not self._desk.admission.try_enter():
            self._desk.shed(call)
        elif self._method.blocking:
            call.on_end(self._desk.admission.leave)
            self._desk.memory.put(self._guarded, call, self._queue_for_store, request)
        else:
            self._desk.memory.put(self._answer_and_leave, call, request)

    def _answer_and_leave(self, call: Call, request: bytes) -> None:
        try:
            self._guarded(call, self._check_and_answer, request)
        finally:
            self._desk.admission.leave()

    def _check_and_answer(self, call: Call, request: bytes) -> None:
        if call.active:
            self._desk.check(call)
            self._answer(call, request)

    def _queue_for_store(self, call: Call, request: bytes) -> None:
        self._desk.check(call)
        if self._desk.store.waiting >= MAX_WAITING_FOR_STORE:
            raise StoreUnavailable("too many wait for the store")
        self._desk.reading.watch(call)
        self._desk.store.put(self._guarded, call, self._answer_in_time, request)

    def _answer_in_time(self, call: Call, request: bytes) -> None:
        if call.active:
            self._answer(call, request)

    def _answer(self, call: Call, request: bytes) -> None:
        answer = self._method.answer(self._method.parse(request))
        self._desk.leaving.watch(call)
        call.finish(answer)


class Unknown:
    """Answers for all methods that no service has."""

    def __init__(self) -> None:
        self._status = status_of(fault_of_status(501))
        self._tally = Tally(UNKNOWN, timed=False)

    def __call__(self, call: Call) -> None:
        """A call has arrived."""
        call.on_end(partial(self._tally.count, call))
        call.fail(self._status)
