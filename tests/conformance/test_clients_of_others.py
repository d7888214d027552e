"""Clients that others wrote against the running service, on both transports.

They run in an environment and a process of their own: their stubs register our package name again.
"""

import subprocess
import sys
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
pytestmark = pytest.mark.timeout(180)
mlserver = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="MLServer 1.7 has no release for Python 3.13"
)


@pytest.mark.parametrize(
    "client",
    [
        "triton_http",
        "triton_grpc",
        pytest.param("mlserver_http", marks=mlserver),
        pytest.param("mlserver_grpc", marks=mlserver),
    ],
)
def test_client_of_others_gets_what_the_protocol_promises(
    client: str, server, peers_python: Path
) -> None:
    command = [peers_python, CLIENTS / f"{client}.py", server.url, server.rpc]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_no_request_of_these_clients_is_logged_as_an_error(server) -> None:
    text = server.log.read_text()
    assert "Traceback" not in text and '"level": "error"' not in text, text[-4000:]
