"""An HTTP transport whose response headers must arrive in bounded total time.

A read time-out starts anew with every byte, so a server that sends one byte now and then would
hold a request for ever. Here a timer cuts the connection instead. The body is bounded by its
reader in ``session.py``.
"""

import contextlib
import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

TOTAL_TIME_FACTOR = 3.0
"""Total time of headers, and of a body, as a multiple of the time limit of a single read."""


class _Watched(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        if not isinstance(self.timeout, int | float):
            return super().getresponse()
        late = threading.Event()
        timer = threading.Timer(self.timeout * TOTAL_TIME_FACTOR, self._cut, (late,))
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        finally:
            timer.cancel()
        if late.is_set():
            raise TimeoutError("headers took too long in total")
        return response

    def _cut(self, late: threading.Event) -> None:
        late.set()
        with contextlib.suppress(OSError):  # the other side may have closed it meanwhile
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _WatchedTls(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class DeadlineAdapter(HTTPAdapter):
    """Transport without retries of its own, on connections that are watched."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pools of watched connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
