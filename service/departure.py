"""From SIGTERM to the exit: nobody finds the process gone, and no request is lost.

uvicorn closes idle connections as soon as it is told to end, and does not tell busy ones. The
listening socket stays open in BentoML's supervisor: new connections would hang until the exit.
So before uvicorn hears of the signal, readiness goes, the port refuses, and every answer asks its
client to close the connection.
"""

import asyncio
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from types import FrameType
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.dataplane import DataPlane
from tidecast.telemetry import get_logger

SIGNALS = (signal.SIGTERM, signal.SIGINT)
FAREWELL_SECONDS = 1.0
"""Longest wait for the clients to close their connections."""
LOOK_SECONDS = 0.05
CLOSE = (b"connection", b"close")

log = get_logger("service")


class FarewellHeader:
    """Asks clients to close their connections once the process is about to end."""

    def __init__(self, app: ASGIApp, plane: DataPlane) -> None:
        self._app = app
        self._plane = plane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if not self._plane.draining or scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
            await send(message)

        await self._app(scope, receive, close)


class Departure:
    """Stands before uvicorn's signal handlers.

    Args:
        plane: is told first.
        drain: sends the clients of gRPC away; may block.
    """

    def __init__(self, plane: DataPlane, drain: Callable[[], Any] | None) -> None:
        self._plane = plane
        self._drain = drain
        self._handlers: dict[int, Any] = {}

    def prepare(self) -> None:
        """Take over the signals; only a worker has them, in its main thread."""
        if threading.current_thread() is threading.main_thread():
            self._loop = asyncio.get_running_loop()
            for number in SIGNALS:
                self._handlers[number] = signal.signal(number, self._begin)

    def _begin(self, number: int, frame: FrameType | None) -> None:
        """As short as can be: it may interrupt anything."""
        if self._plane.draining:
            self._handlers[number](number, frame)
            return
        self._plane.drain()
        self._loop.call_soon_threadsafe(self._send_clients_away, number)

    def _send_clients_away(self, number: int) -> None:
        log.info("draining")
        if self._drain is not None:
            threading.Thread(target=self._drain, name="drain", daemon=True).start()
        handler = self._handlers[number]
        uvicorn = getattr(handler, "__self__", None)
        for server in getattr(uvicorn, "servers", ()):
            self._refuse(server)
        connections = getattr(getattr(uvicorn, "server_state", None), "connections", ())
        self._exit_when_gone(connections, partial(handler, number, None), time.monotonic())

    def _refuse(self, server: asyncio.Server) -> None:
        """Let nobody in any more, in all processes that share the socket."""
        for listening in server.sockets:
            with socket.socket(fileno=os.dup(listening.fileno())) as own:
                if select.select((own,), (), (), 0)[0]:
                    # Somebody stands at the door: in with them first.
                    self._loop.call_soon(self._refuse, server)
                    return
                own.shutdown(socket.SHUT_RDWR)
        server.close()

    def _exit_when_gone(
        self, connections: Collection[Any], leave: Callable[[], None], since: float
    ) -> None:
        if connections and time.monotonic() - since < FAREWELL_SECONDS:
            again = partial(self._exit_when_gone, connections, leave, since)
            self._loop.call_later(LOOK_SECONDS, again)
        else:
            leave()
