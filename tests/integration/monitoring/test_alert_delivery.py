"""Alerts over HTTP to receivers on the loopback, and who gets what how often."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from prometheus_client import REGISTRY

from monitoring.channels import Channel, open_channels
from monitoring.delivery import Delivery, delivering
from monitoring.loop import run
from tests.integration.waiting import wait_for
from tidecast.errors import ConfigurationError
from tidecast.settings import Settings
from tidecast.store import Store
from tidecast.timeframes import Market

# A module that Apprise imports where the standard library still has it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")

MARKET = Market("BTC-USD", "1h")
NOW = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
MINUTE = timedelta(minutes=1)
SECRET = "s3cr3t-t0ken"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:tidecast"
ACCEPTED = (
    b"<PublishResponse xmlns='http://sns.amazonaws.com/doc/2010-03-31/'><PublishResult>"
    b"<MessageId>1</MessageId></PublishResult></PublishResponse>"
)


@dataclass
class Receiver:
    """An HTTP service that alerts go to; ``statuses`` are answered first, then 200."""

    statuses: list[int] = field(default_factory=list)
    wait_seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    @property
    def titles(self) -> list[str]:
        return [json.loads(body)["title"] for body in self.bodies]


@pytest.fixture
def make_receiver() -> Iterator[Callable[..., Receiver]]:
    servers: list[ThreadingHTTPServer] = []

    def make(statuses: list[int] | None = None, wait_seconds: float = 0.0) -> Receiver:
        receiver = Receiver(statuses or [], wait_seconds)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.wait_seconds)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.bodies.append(body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(ACCEPTED)))
                self.end_headers()
                self.wfile.write(ACCEPTED)

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        receiver.url = f"json://127.0.0.1:{server.server_port}/{SECRET}"
        return receiver

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


class StandingClock:
    simulated = False

    def now(self) -> datetime:
        return NOW

    def real_seconds(self, span: timedelta) -> float:
        return span.total_seconds()


@pytest.fixture
def add(store: Store) -> Callable[..., None]:
    def make(key: str, age: timedelta = MINUTE, kind: str = "DataStale") -> None:
        store.events.add(kind, key, {"reason": "stale", "levels": [1, 2]}, NOW - age, MARKET)

    return make


@pytest.fixture
def open_for(store: Store) -> Callable[..., list[Delivery]]:
    """A delivery for each receiver."""

    def make(*receivers: Receiver, leads: Callable[[], bool] = lambda: True) -> list[Delivery]:
        channels = open_channels([one.url for one in receivers], None)
        return [Delivery(store, one, StandingClock(), leads, 0.05) for one in channels]

    return make


def sent(result: str, channel: str = "json") -> float:
    labels = {"channel": channel, "result": result}
    return REGISTRY.get_sample_value("tidecast_alerts_sent_total", labels) or 0.0


def test_alert_says_what_where_why_and_when(add: Any, open_for: Any, make_receiver: Any) -> None:
    receiver = make_receiver()
    add("a", kind="RetrainingFailed")
    (delivery,) = open_for(receiver)

    assert delivery.deliver()

    (body,) = [json.loads(one) for one in receiver.bodies]
    assert body["title"] == "Tidecast: RetrainingFailed BTC-USD:1h"
    assert body["message"].splitlines() == [
        "reason: stale",
        "levels: 1; 2",
        "at: 2026-11-21T11:59:00Z",
    ]
    assert body["type"] == "failure"


def test_event_is_sent_once_to_each_channel(add: Any, open_for: Any, make_receiver: Any) -> None:
    receivers = [make_receiver(), make_receiver()]
    add("a")
    add("b")
    for _ in range(3):
        for delivery in open_for(*receivers):
            assert delivery.deliver()

    assert [len(one.bodies) for one in receivers] == [2, 2]


def test_monitors_that_deliver_at_once_send_an_event_once(
    add: Any, open_for: Any, make_receiver: Any
) -> None:
    receiver = make_receiver(wait_seconds=0.05)
    for number in range(5):
        add(str(number))
    deliveries = [open_for(receiver)[0] for _ in range(4)]

    with delivering(deliveries):
        wait_for(lambda: len(receiver.bodies) >= 5)
        time.sleep(0.3)

    assert len(receiver.bodies) == 5


def test_alert_that_did_not_arrive_is_sent_again(
    add: Any, open_for: Any, make_receiver: Any
) -> None:
    receiver = make_receiver([500, 429, 503])
    before = sent("failed"), sent("sent")
    add("a")

    with delivering(open_for(receiver)):
        wait_for(lambda: len(receiver.bodies) == 1)

    assert (sent("failed") - before[0], sent("sent") - before[1]) == (3, 1)


def test_channel_that_hangs_does_not_delay_another(
    add: Any, open_for: Any, make_receiver: Any
) -> None:
    slow, quick = make_receiver(wait_seconds=3), make_receiver()
    for number in range(3):
        add(str(number))

    with delivering(open_for(slow, quick)):
        wait_for(lambda: len(quick.bodies) == 3)
        assert slow.bodies == []


def test_alert_that_a_channel_refuses_does_not_hold_up_the_others(
    add: Any, open_for: Any, make_receiver: Any
) -> None:
    receiver = make_receiver([400])
    for kind in ("First", "Second", "Third"):
        add(kind, kind=kind)
    (delivery,) = open_for(receiver)

    assert [delivery.deliver() for _ in range(2)] == [False, True]
    kinds = [title.split()[1] for title in receiver.titles]
    assert kinds == ["Second", "Third", "First"]


def test_old_event_is_no_news(add: Any, open_for: Any, make_receiver: Any) -> None:
    receiver = make_receiver()
    add("old", timedelta(days=1, minutes=1))
    (delivery,) = open_for(receiver)

    assert delivery.deliver()

    assert receiver.bodies == []


def test_monitor_that_does_not_lead_sends_nothing(
    add: Any, open_for: Any, make_receiver: Any
) -> None:
    receiver = make_receiver()
    add("a")

    with delivering(open_for(receiver, leads=lambda: False)):
        time.sleep(0.3)

    assert receiver.bodies == []


def test_pause_after_failures_grows(
    store: Store, add: Any, open_for: Any, make_receiver: Any
) -> None:
    add("a")
    (delivery,) = open_for(make_receiver([500] * 4))

    pauses = [delivery._turn() for _ in range(5)]

    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.05])


def test_channels_are_named_by_kind_and_hold_no_secret() -> None:
    urls = [f"json://h/{SECRET}", f"jsons://h/{SECRET}", f"json://other/{SECRET}"]

    channels = open_channels(urls, None)

    assert [(one.name, one.schema) for one in channels] == [
        ("json", "json"),
        ("jsons", "jsons"),
        ("json-2", "json"),
    ]


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", f"slack://{SECRET}", SECRET])
def test_url_that_is_none_is_refused_without_telling_it(
    url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="number 2 is no Apprise URL") as raised:
        open_channels(["json://h", url], None)

    assert SECRET not in str(raised.value) + caplog.text + "".join(capfd.readouterr())


def test_failure_is_logged_without_the_secret(
    add: Any,
    open_for: Any,
    make_receiver: Any,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    add("a")
    (delivery,) = open_for(make_receiver([500]))

    with caplog.at_level("DEBUG"):
        assert not delivery.deliver()

    own = [one.getMessage() for one in caplog.records if not one.name.startswith("urllib3")]
    assert SECRET not in "".join(own) + "".join(capfd.readouterr())


@pytest.fixture
def topic(make_receiver: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Channel, Receiver]:
    """A topic of SNS that is really a receiver."""
    pytest.importorskip("boto3")
    receiver = make_receiver()
    monkeypatch.setenv(
        "AWS_ENDPOINT_URL_SNS", receiver.url.removesuffix(SECRET).replace("json", "http")
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return open_channels([], TOPIC)[0], receiver


def test_topic_gets_subject_and_message(topic: tuple[Channel, Receiver]) -> None:
    channel, receiver = topic

    assert channel.send("t" * 120, "why", "warning")

    form = parse_qs(receiver.bodies[0].decode())
    assert form["TopicArn"] == [TOPIC]
    assert form["Subject"] == ["t" * 100]
    assert form["Message"] == ["why"]


def test_topic_that_refuses_is_a_failure(topic: tuple[Channel, Receiver]) -> None:
    channel, receiver = topic
    receiver.statuses = [403]

    assert not channel.send("t", "why", "warning")
    assert receiver.bodies == []


def test_topic_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="arn:aws:sns:REGION:ACCOUNT:NAME"):
        open_channels([], "tidecast-alerts")


def test_monitor_delivers_what_its_settings_say(
    world: Any, tmp_path: Path, make_receiver: Any
) -> None:
    receiver = make_receiver()
    settings = Settings.model_validate(
        {
            "home_dir": tmp_path,
            "clock": {"simulated_at": world.now, "real_at": datetime.now(UTC)},
            "monitoring": {"poll_seconds": 0.01, "alert_urls": [receiver.url]},
        }
    )
    world.store.events.add("CandleGap", "a", {"missing": 3}, world.now, MARKET)
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop, settings))
    thread.start()
    try:
        wait_for(lambda: "Tidecast: CandleGap BTC-USD:1h" in receiver.titles)
    finally:
        stop.set()
        thread.join(30)

    assert json.loads(receiver.bodies[0])["message"].endswith("(simulated)")
