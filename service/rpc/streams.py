"""Server streams that hold no thread: each sends what its source has, one message at a time."""

import threading
from collections.abc import Callable
from functools import partial

import grpc
from prometheus_client import Gauge

from service.refusals import Overloaded
from service.rpc.calls import Call
from service.rpc.desk import Desk, status_for
from service.rpc.endpoints import Endpoint

RETRY_AFTER_SECONDS = 5.0

Source = Callable[[], bytes | None]
"""Gives the next message, or None when there is none now. Asked by one thread at a time."""


class Stream:
    """One open stream.

    A message is taken from the source only when the wire has taken the one before, so a client
    that reads slowly costs no memory. One that does not read at all is given up.
    """

    def __init__(self, call: Call, source: Source, desk: Desk) -> None:
        self.call = call
        self._source = source
        self._desk = desk
        self._turn = threading.Lock()
        self._news = False
        self._busy = False

    def advance(self) -> None:
        """There may be news: send it, or see to it when the wire is free. From any thread."""
        with self._turn:
            self._news = True
            if self._busy:
                return
            self._busy = True
        self._go_on()

    def _go_on(self) -> None:
        try:
            while self._has_news():
                message = self._source()
                if message is not None:
                    self._send(message)
                    return
        except Exception as error:
            self.call.fail(status_for(error))

    def _has_news(self) -> bool:
        """Whether to look; what comes after this look is news again."""
        with self._turn:
            self._busy, self._news = self._news, False
            return self._busy

    def _send(self, message: bytes) -> None:
        with self._turn:
            self._news = True  # there may be more where it came from
        self._desk.leaving.watch(self.call)
        self.call.send(message, self._sent)

    def _sent(self) -> None:
        self._desk.leaving.forget(self.call)
        self._go_on()


class Streams:
    """All open streams of one kind.

    Args:
        most: how many may be open.
        desk: what the endpoints share.
        gauge: shows how many are open.
    """

    def __init__(self, most: int, desk: Desk, gauge: Gauge | None = None) -> None:
        self._most = most
        self._desk = desk
        self._gauge = gauge
        self._open: dict[Call, Stream] = {}
        self._opening = threading.Lock()
        self._end: grpc.Status | None = None

    def __len__(self) -> int:
        return len(self._open)

    def open(self, call: Call, source: Source) -> None:
        """Begin to send what the source has.

        Raises:
            Overloaded: as many as allowed are open.
        """
        stream = Stream(call, source, self._desk)
        with self._opening:
            if len(self._open) >= self._most:
                raise Overloaded(
                    f"all {self._most} streams are taken; try again in a moment",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            self._open[call] = stream
            if self._gauge is not None:
                self._gauge.inc()
        call.on_end(partial(self._forget, call))
        if self._end is not None:
            call.fail(self._end)
        stream.advance()

    def wake(self) -> None:
        """Some sources have news."""
        self._desk.pushes.put(self._advance)

    def end(self, status: grpc.Status) -> None:
        """End all of them, and all that will be opened."""
        self._end = status
        for call in list(self._open):
            call.fail(status)

    def _advance(self) -> None:
        for stream in list(self._open.values()):
            stream.advance()

    def _forget(self, call: Call) -> None:
        del self._open[call]
        if self._gauge is not None:
            self._gauge.dec()


class Feed(Endpoint):
    """A method that answers with a stream.

    Args:
        name: ``package.Service/Method``.
        subscribe: from the bytes of the request to the source of what is sent; raises what the
            error table knows.
        streams: where its streams are kept.
        desk: what the endpoints share.
        exempt: answered without a key.
    """

    def __init__(
        self,
        name: str,
        subscribe: Callable[[bytes], Source],
        streams: Streams,
        desk: Desk,
        *,
        exempt: bool = False,
    ) -> None:
        super().__init__(name, desk, timed=False)
        self._subscribe = subscribe
        self._streams = streams
        self._exempt = exempt

    def take(self, call: Call, request: bytes) -> None:
        """Open the stream."""
        self._desk.memory.put(self._open, call, request)

    def _open(self, call: Call, request: bytes) -> None:
        try:
            if not self._exempt:
                self._desk.check(call)
            self._streams.open(call, self._subscribe(request))
        except Exception as error:
            self._end(call, status_for(error))
