"""Starts the imitation inside this process, on a free port of loopback."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from imitation import billing, corrections, eks


@contextmanager
def running() -> Iterator[str]:
    """The address of a running imitation, which is stopped afterwards."""
    # Read once, at the first request: roles can then be given the policies that AWS keeps.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from moto.server import ThreadedMotoServer

    for part in (eks, billing, corrections):
        part.install()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
