import os
import socket

import pytest
from structlog.testing import capture_logs

from service.api_keys import Doorkeeper
from service.exposure import http_host, is_loopback, warn_of_open_doors
from tidecast.settings import ServiceSettings

KEYED = Doorkeeper({"alice": "0" * 64})


def _warned(doorkeeper: Doorkeeper, **settings: object) -> list[str]:
    with capture_logs() as logged:
        warn_of_open_doors(doorkeeper, ServiceSettings.model_validate(settings))
    assert all(line["log_level"] == "warning" for line in logged)
    return [line["event"] for line in logged]


@pytest.mark.parametrize("settings", [{"host": "0.0.0.0"}, {"host": "::", "grpc_port": None}])
def test_service_beyond_loopback_warns_unless_it_asks_for_keys(settings: dict) -> None:
    assert _warned(Doorkeeper(), **settings) == ["service_open"]
    assert _warned(KEYED, **settings) == []


def test_service_on_loopback_warns_of_nothing() -> None:
    assert _warned(Doorkeeper()) == []


def test_rate_without_keys_is_told_because_it_limits_nobody() -> None:
    assert _warned(Doorkeeper(), requests_per_second_per_key=5) == ["rate_limit_without_keys"]
    assert _warned(KEYED, requests_per_second_per_key=5) == []


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
