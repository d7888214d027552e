import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from service.api_keys import Doorkeeper
from service.error_table import fault_of
from service.key_ring import digest_of
from service.refusals import RateLimited, Unauthenticated
from tidecast.errors import ConfigurationError

KEY = "jL8mZk2bQmA0o1m7Yb8n3xqk3W9tq1S2bCw6v5Hr0dE"
OTHER = "Zr5wq0nC8uYp2dXk7sVf1aGh4jKl9oPi3eRt6yUb_Mw"
LATER = "A1s2D3f4G5h6J7k8L9q0W1e2R3t4Y5u6I7o8P9z0X1c"


class HandClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(
        f"# who may ask\n\nalice: {digest_of(KEY)}  # since May\nbob: {digest_of(OTHER)}\n"
    )
    return path


@pytest.fixture
def refused() -> Callable[[Doorkeeper, str | None], str]:
    def check(doorkeeper: Doorkeeper, authorization: str | None) -> str:
        with pytest.raises(Unauthenticated) as caught:
            doorkeeper.check(authorization)
        return str(caught.value)

    return check


def test_doorkeeper_lets_everybody_in_without_keys() -> None:
    doorkeeper = Doorkeeper()
    for authorization in (None, "", "Bearer x", "nonsense"):
        doorkeeper.check(authorization)
    assert not doorkeeper.asks


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY} ", f"Bearer {OTHER}"],
)
def test_doorkeeper_lets_each_key_in_however_the_scheme_is_written(
    file: Path, authorization: str
) -> None:
    Doorkeeper(keys_file=file).check(authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        f"Bearer {digest_of(KEY)}",
        "Bearer alice",
        "Bearer \udcff\x00",
        f"Bearer {'x' * 100_000}",
    ],
)
def test_doorkeeper_refuses_what_is_no_key_and_counts_it(
    file: Path, refused: Callable, authorization: str | None
) -> None:
    before = _count("tidecast_unauthenticated_requests_total")
    refused(Doorkeeper(keys_file=file), authorization)
    assert _count("tidecast_unauthenticated_requests_total") == before + 1


def test_doorkeeper_takes_keys_of_settings_and_file_together(file: Path) -> None:
    doorkeeper = Doorkeeper({"carol": digest_of(LATER).upper()}, file)
    for key in (KEY, OTHER, LATER):
        doorkeeper.check(f"Bearer {key}")


def test_refusal_shows_nothing_of_the_key(file: Path, refused: Callable, caplog) -> None:
    doorkeeper = Doorkeeper(keys_file=file, requests_per_second=1)
    wrong = f"{KEY[:-1]}x"
    doorkeeper.check(f"Bearer {KEY}")
    with pytest.raises(RateLimited) as limited:
        doorkeeper.check(f"Bearer {KEY}")
    fault = fault_of(
        Unauthenticated(refused(doorkeeper, f"Bearer {wrong}"), field="f", allowed="a")
    )
    limited_fault = fault_of(limited.value)
    assert fault and limited_fault
    metrics = " ".join(str(metric) for metric in REGISTRY.collect())
    shown = f"{fault.body()!r} {limited_fault.body()!r} {metrics} {caplog.text} {doorkeeper!r}"
    for secret in (KEY, KEY[:20], digest_of(KEY), digest_of(KEY)[:16]):
        assert secret not in shown


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nobody yet\n",
        "alice\n",
        f"alice {digest_of(KEY)}\n",
        f"alice: {digest_of(KEY)[:-1]}\n",
        f"alice: {digest_of(KEY)}0\n",
        f"alice: {KEY}\n",
        f"{KEY}: alice\n",
        f"al ice: {digest_of(KEY)}\n",
        f": {digest_of(KEY)}\n",
        f"alice: {digest_of(KEY)}\nbob: {digest_of(KEY)}\n",
        b"\xff\xfe",
        b"x" * (1024 * 1024 + 1),
    ],
)
def test_broken_file_at_the_start_is_the_operators_fault_and_not_shown(
    tmp_path: Path, content: str | bytes
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match="TIDECAST_SERVICE__API_KEYS_FILE") as caught:
        Doorkeeper(keys_file=path)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("path", ["nothing-here", "."])
def test_file_that_cannot_be_read_at_the_start_is_the_operators_fault(path: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDECAST_SERVICE__API_KEYS_FILE"):
        Doorkeeper(keys_file=Path(path))


@pytest.mark.parametrize(
    "keys", [{"alice": KEY}, {"a b": digest_of(KEY)}, {"a": digest_of(KEY), "b": digest_of(KEY)}]
)
def test_broken_keys_of_the_settings_are_the_operators_fault_and_not_shown(keys: dict) -> None:
    with pytest.raises(ConfigurationError, match="TIDECAST_SERVICE__API_KEYS: ") as caught:
        Doorkeeper(keys)
    assert KEY not in str(caught.value)


def test_name_may_have_two_keys_while_they_are_changed(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"alice: {digest_of(KEY)}\nalice: {digest_of(LATER)}\n")
    doorkeeper = Doorkeeper(keys_file=path, requests_per_second=2, monotonic=HandClock())
    doorkeeper.check(f"Bearer {KEY}")
    doorkeeper.check(f"Bearer {LATER}")
    with pytest.raises(RateLimited):
        doorkeeper.check(f"Bearer {KEY}")


def test_key_whose_digest_only_begins_like_a_known_one_is_refused(refused: Callable) -> None:
    begins_alike = digest_of(KEY)[:16] + "0" * 48
    refused(Doorkeeper({"alice": begins_alike}), f"Bearer {KEY}")


def test_rate_is_per_key_and_says_truly_when_the_next_request_passes(file: Path) -> None:
    clock = HandClock()
    doorkeeper = Doorkeeper(keys_file=file, requests_per_second=5, monotonic=clock)
    before = _count("tidecast_rate_limited_requests_total", key="alice")
    for _ in range(5):
        doorkeeper.check(f"Bearer {KEY}")
    with pytest.raises(RateLimited) as caught:
        doorkeeper.check(f"Bearer {KEY}")
    doorkeeper.check(f"Bearer {OTHER}")
    assert _count("tidecast_rate_limited_requests_total", key="alice") == before + 1
    assert caught.value.retry_after_seconds == pytest.approx(0.2)
    clock.seconds += caught.value.retry_after_seconds or 0.0
    doorkeeper.check(f"Bearer {KEY}")


def test_doorkeeper_keeps_the_rate_when_many_threads_ask(file: Path) -> None:
    doorkeeper = Doorkeeper(keys_file=file, requests_per_second=100, monotonic=HandClock())
    let_in = []

    def ask() -> None:
        for _ in range(50):
            try:
                doorkeeper.check(f"Bearer {KEY}")
                let_in.append(1)
            except RateLimited:
                pass

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 100
