"""Every candle source against a scripted server that speaks as its exchange does."""

import time
from datetime import timedelta

import pytest

from tests.contract.exchange.dialects import DIALECTS
from tests.contract.exchange.scripted_server import START, Reply, ScriptedServer
from tidecast.exchange import build_source


@pytest.fixture(scope="session")
def running_server():
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture
def server(running_server):
    running_server.reset()
    yield running_server
    running_server.stopped.set()


@pytest.fixture
def reply():
    """Make one scripted answer."""
    return Reply


@pytest.fixture
def dialect_names():
    return set(DIALECTS)


@pytest.fixture(params=sorted(DIALECTS))
def dialect(request):
    return DIALECTS[request.param](request.param)


@pytest.fixture
def sleeps():
    """Seconds of every pause that a source made, none of which is really waited."""
    return []


@pytest.fixture
def make_source(server, sleeps):
    def make(name, **settings):
        defaults = {
            "timeout_seconds": 2.0,
            "max_attempts": 4,
            "backoff_seconds": 0.5,
            "max_retry_after_seconds": 60.0,
            "api_key": "secret-key",
            "base_url": server.url,
            "sleep": sleeps.append,
        }
        return build_source(name, **{**defaults, **settings})

    return make


@pytest.fixture
def fetch(server, dialect, make_source):
    """Fetch the first ``count`` candles after START of the exchange at hand."""

    def ask(count=3, **settings):
        source = make_source(dialect.name, **settings)
        end = START + count * dialect.length
        return source.fetch(dialect.pair, dialect.interval, START, end)

    server.now = START + 5000 * dialect.length
    return ask


@pytest.fixture
def serve(server, dialect):
    """Let the exchange at hand serve these candles as it would."""

    def begin(candles):
        server.play = lambda asked: dialect.answer(candles, asked)

    return begin


@pytest.fixture
def timezone(monkeypatch):
    """Set the zone of the machine's clock for one test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def ask(server, make_source, reply):
    """Fetch hours from ``begin`` from an exchange that answers the given content."""

    def fetch(name, pair, content, begin, hours=3, interval="1h", status=200, headers=None, **more):
        server.now = begin + timedelta(hours=100)
        server.script.append(reply(content, status=status, headers=headers or {}))
        source = make_source(name, max_attempts=1, **more)
        return source.fetch(pair, interval, begin, begin + timedelta(hours=hours))

    return fetch
