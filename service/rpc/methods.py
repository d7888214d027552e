"""What a gRPC service is made of here: methods that know nothing of the library.

A method parses the bytes of a request and answers with the bytes of a response. What it raises goes
through the one error table. The server adds what every call needs: keys, places, deadlines,
metrics and the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Method:
    """One unary method.

    Attributes:
        parse: from the bytes of the request to the request; raises ``DecodeError`` of protobuf.
        answer: from the request to the bytes of the response; raises what the error table knows.
        exempt: answered without a key and over the limit of requests in flight.
        blocking: it may wait for the store, and so for a thread.
    """

    parse: Callable[[bytes], Any]
    answer: Callable[[Any], bytes]
    exempt: bool = False
    blocking: bool = False


@dataclass(frozen=True)
class Service:
    """One gRPC service.

    Attributes:
        name: full name, for example ``tidecast.v1.ForecastService``.
        methods: by their name.
    """

    name: str
    methods: Mapping[str, Method]
