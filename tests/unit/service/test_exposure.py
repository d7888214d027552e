import os
import socket

import pytest

from service.exposure import http_host, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_loopback_is_this_machine_only(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "2001:db8::1", "server.local", ""])
def test_every_other_address_is_reachable(host: str) -> None:
    assert not is_loopback(host)


def test_http_host_is_that_of_the_socket_that_was_handed_down() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert http_host(["worker", "--fd", str(bound.fileno())]) == "127.0.0.1"
        assert os.fstat(bound.fileno())


def test_http_host_is_unknown_in_a_process_without_a_socket() -> None:
    assert http_host(["pytest"]) is None
