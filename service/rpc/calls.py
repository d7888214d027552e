"""One call, from its arrival to its status. The only module that knows grpc's server from inside.

The library gives every call a thread that then waits for the request, so that as many clients as
there are threads stop the server by sending none, and a stream holds its thread for as long as it
lives. Here a call waits without a thread: ``Arrivals`` stands in the place of the library's pool
and hands each call over before its request is read, and what happens on the wire calls back. All
callbacks run on the one thread that serves the wire, and must be quick.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any

import grpc
from grpc import _server
from grpc._cython import cygrpc

from tidecast.telemetry import get_logger

SENDING = "send_message"
RECEIVING = "receive_message"
NO_FLAGS = 0

log = get_logger("service")


class Call:
    """One call of a client.

    Attributes:
        arrived: when, in seconds of ``perf_counter``.
        answered: when it got its status, None before.
        code: name of its status, None before.
    """

    __slots__ = ("_event", "_state", "answered", "arrived", "code")

    def __init__(self, event: Any, state: Any) -> None:
        self._event = event
        self._state = state
        self.arrived = perf_counter()
        self.answered: float | None = None
        self.code: str | None = None

    @property
    def active(self) -> bool:
        """Whether somebody waits for an answer that was not given yet."""
        return bool(_server._is_rpc_state_active(self._state))

    @property
    def seconds_left(self) -> float:
        """Time until the client's deadline; a great many without one."""
        return float(self._event.call_details.deadline) - time.time()

    def metadata(self, wanted: str) -> str | None:
        """The first value under a key in lower case."""
        for key, value in self._event.invocation_metadata:
            if key == wanted:
                return str(value)
        return None

    def on_end(self, then: Callable[[], None]) -> None:
        """Call ``then`` once when the call is over, for whatever reason."""
        with self._state.condition:
            if self._state.callbacks is not None:
                self._state.callbacks.append(then)
                return
        then()

    def receive(self, then: Callable[[bytes | None], None]) -> None:
        """Call ``then`` with the next message, or with None when there will be none."""
        state = self._state
        take = _server._receive_message(state, self._event.call, None)

        def received(event: Any) -> Any:
            finished = take(event)
            message, state.request = state.request, None
            _guarded(then, message)
            return finished

        with state.condition:
            if self.active:
                operation = cygrpc.ReceiveMessageOperation(NO_FLAGS)
                self._event.call.start_server_batch((operation,), received)
                state.due.add(RECEIVING)

    def send(self, message: bytes, then: Callable[[], None]) -> bool:
        """Send one message of several, and call ``then`` when the wire has taken it.

        A second one must wait for that. False when the call is over.
        """
        state = self._state

        def sent(event: Any) -> Any:
            with state.condition:
                finished = _server._possibly_finish_call(state, SENDING)
            _guarded(then)
            return finished

        with state.condition:
            if not self.active:
                return False
            operations = [cygrpc.SendMessageOperation(message, NO_FLAGS)]
            if state.initial_metadata_allowed:
                operations.insert(0, cygrpc.SendInitialMetadataOperation(None, NO_FLAGS))
                state.initial_metadata_allowed = False
            self._event.call.start_server_batch(operations, sent)
            state.due.add(SENDING)
            return True

    def finish(self, message: bytes | None = None) -> bool:
        """End with OK, after the message of a unary call; False when it is over already."""
        with self._state.condition:
            if not self.active:
                return False
            self._note("OK")
            _server._status(self._event, self._state, message)
            return True

    def fail(self, status: grpc.Status) -> bool:
        """End with an error; False when it is over already."""
        with self._state.condition:
            if not self.active:
                return False
            self._note(status.code.name)
            self._state.code = status.code
            self._state.details = status.details.encode()
            self._state.trailing_metadata = status.trailing_metadata
            _server._status(self._event, self._state, None)
            return True

    def cancel(self) -> None:
        """End at once, whatever the client has or has not taken."""
        self._event.call.cancel()

    def _note(self, code: str) -> None:
        self.code = code
        self.answered = perf_counter()


class Arrivals(ThreadPoolExecutor):
    """Where the library wants a pool of threads; it starts none.

    What the library hands over as the behaviour of a method is called with a ``Call``.

    Attributes:
        count: calls so far.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self.count = 0
        self._done: Future[Any] = Future()
        self._done.set_result(None)

    def submit(self, run: Any, /, *work: Any, **options: Any) -> Future[Any]:
        """Hand a call over."""
        self.count += 1
        _, event, state, accept, *_ = work
        _guarded(accept, Call(event, state))
        return self._done


def _guarded(then: Callable[..., None], *arguments: Any) -> None:
    """An error must not end the thread that serves the wire."""
    try:
        then(*arguments)
    except Exception:
        log.exception("grpc_callback_failed")
