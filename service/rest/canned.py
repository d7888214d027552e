"""Refusals as bytes for the wire, made once: they are written below the application."""

from collections.abc import Iterable
from http import HTTPStatus

from service.error_table import Fault
from service.oip.faults import error_body, is_inference_path


class CannedRefusal:
    """A fault as a whole HTTP/1.1 response, in the body shape that the asked path has."""

    def __init__(self, fault: Fault) -> None:
        self.status = fault.status
        bodies = {False: fault.body(), True: error_body(fault)}
        self._heads = {shape: _head(fault, len(body)) for shape, body in bodies.items()}
        self._tails = {
            (shape, keep_alive, head_only): _tail(b"" if head_only else body, keep_alive)
            for shape, body in bodies.items()
            for keep_alive in (False, True)
            for head_only in (False, True)
        }

    def response(
        self,
        url: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        keep_alive: bool = False,
        head_only: bool = False,
    ) -> bytes:
        """The bytes of the response.

        Args:
            url: path, perhaps with a query; empty while it is not known.
            headers: more headers, such as the date.
            keep_alive: whether another request may follow; else the client is told not to ask.
            head_only: whether HEAD was asked.
        """
        shape = is_inference_path(url.partition(b"?")[0].decode("latin-1"))
        lines = [b"%b: %b\r\n" % header for header in headers]
        return b"".join((self._heads[shape], *lines, self._tails[shape, keep_alive, head_only]))


def _head(fault: Fault, length: int) -> bytes:
    lines = [
        f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}",
        "content-type: application/json",
        f"content-length: {length}",
        *(f"{name.lower()}: {value}" for name, value in fault.headers),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def _tail(body: bytes, keep_alive: bool) -> bytes:
    close = b"" if keep_alive else b"connection: close\r\n"
    return close + b"\r\n" + body
