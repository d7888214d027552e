"""What the endpoints share: places, keys, threads, patience, and the statuses made beforehand."""

from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError

from service.admission import Admission
from service.api_keys import Doorkeeper
from service.error_table import fault_for_caller, fault_of_status
from service.metrics import SHED
from service.rpc.calls import Call
from service.rpc.faults import status_of
from service.rpc.patience import Patience
from service.rpc.workers import Workers
from tidecast.errors import StoreUnavailable

MEMORY_THREADS = 1
"""Answers from memory take microseconds: a second thread only fights for the interpreter."""
STORE_THREADS = 4
STORE_SECONDS = 2.0
"""Longest that an answer waits for the store."""
MAX_WAITING_FOR_STORE = 16
"""Calls that may wait for a thread that reads the store; each holds a place meanwhile."""
UNREADABLE = status_of(fault_of_status(400))
TOO_SLOW = status_of(fault_of_status(408))
AUTHORIZATION = "authorization"


def status_for(error: Exception) -> grpc.Status:
    """The status of any error; one that nobody expected is logged once."""
    if isinstance(error, DecodeError):
        return UNREADABLE
    return status_of(fault_for_caller(error))


STORE_AWAY = status_for(StoreUnavailable("no answer in time"))


@dataclass(frozen=True, eq=False)
class Desk:
    """What the endpoints share.

    Attributes:
        admission: the places for requests in flight, of all transports together.
        doorkeeper: whom to ask for the key.
        memory: threads for answers from memory.
        store: threads for answers that may wait for the store.
        pushes: the thread that tells streams of news.
        arriving: watches calls whose request is not there yet.
        leaving: watches calls whose client has not taken the answer yet.
        reading: watches calls that wait for the store.
    """

    admission: Admission
    doorkeeper: Doorkeeper
    memory: Workers
    store: Workers
    pushes: Workers
    arriving: Patience
    leaving: Patience
    reading: Patience

    @property
    def parts(self) -> tuple[Workers | Patience, ...]:
        """All that has threads."""
        workers = (self.memory, self.store, self.pushes)
        return (*workers, self.arriving, self.leaving, self.reading)

    def start(self) -> None:
        """Start all threads."""
        for part in self.parts:
            part.start()

    def stop(self) -> None:
        """End them."""
        for part in self.parts:
            part.stop()

    def check(self, call: Call) -> None:
        """Let a call in by its key.

        Raises:
            Unauthenticated: keys are configured and it has none of them.
            RateLimited: the key has used up its rate.
        """
        if self.doorkeeper.asks:
            self.doorkeeper.check(call.metadata(AUTHORIZATION))

    def shed(self, call: Call) -> None:
        """Refuse a call that finds no place."""
        SHED.labels("grpc").inc()
        call.fail(status_for(self.admission.refusal()))


def build_desk(admission: Admission, doorkeeper: Doorkeeper, slow_client_seconds: float) -> Desk:
    """Threads and watches; nothing is started yet.

    Args:
        admission: the places for requests in flight.
        doorkeeper: whom to ask for the key.
        slow_client_seconds: how long a client may take to send a request, or to take an answer.
    """
    return Desk(
        admission=admission,
        doorkeeper=doorkeeper,
        memory=Workers(MEMORY_THREADS, "grpc memory"),
        store=Workers(STORE_THREADS, "grpc store"),
        pushes=Workers(1, "grpc pushes"),
        arriving=Patience(slow_client_seconds, lambda call: call.fail(TOO_SLOW)),
        leaving=Patience(slow_client_seconds, lambda call: call.cancel()),
        reading=Patience(STORE_SECONDS, lambda call: call.fail(STORE_AWAY)),
    )
