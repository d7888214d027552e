"""A client that sends any bytes and reads HTTP answers, one after the other."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 20


class RawAnswer:
    """One whole answer.

    Attributes:
        headers: names in lower case.
    """

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def error(self) -> dict[str, Any]:
        """What a JSON error tells, in the shape of either protocol."""
        assert self.headers["content-type"] == "application/json"
        body: dict[str, Any] = json.loads(self.body)
        nested = body["error"]
        return nested if isinstance(nested, dict) else {**body, "message": nested}


class RawClient:
    """One connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection(
            (place.hostname, place.port), timeout=PATIENCE_SECONDS
        )
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, data: bytes, method: str = "GET") -> RawAnswer:
        """Send, and read one answer."""
        self._socket.sendall(data)
        return self.answer(method)

    def interim(self, data: bytes) -> int:
        """Send, and read the status of an answer that another will follow."""
        self._socket.sendall(data)
        status = int(self._file.readline().split()[1])
        while self._file.readline() != b"\r\n":
            pass
        return status

    def answer(self, method: str = "GET") -> RawAnswer:
        """The next answer.

        Raises:
            http.client.HTTPException: what comes is no whole answer.
        """
        response = http.client.HTTPResponse(_Unclosed(self._file), method=method)  # type: ignore[arg-type]
        response.begin()
        return RawAnswer(response)

    def answers(self, data: bytes, method: str = "GET") -> list[RawAnswer]:
        """Send, and read answers until the server closes."""
        self._socket.sendall(data)
        found = []
        while self._file.peek(1):
            found.append(self.answer(method))
        return found


class _Unclosed:
    """Lets responses of http.client share one buffered file, which they would close."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, *_: object) -> "_Unclosed":
        return self

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
