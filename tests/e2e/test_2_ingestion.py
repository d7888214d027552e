import json
from datetime import datetime, timedelta

from cluster import until
from figures import Figures
from release import NAME, Release


def _newest(release: Release) -> datetime:
    candles = release.ask("/v1/candles/BTC-USD?limit=1")["candles"]
    return datetime.fromisoformat(candles[-1]["open_time"])


def _gaps(release: Release) -> int:
    markets = json.loads(release.tidecast("status", "--json"))["markets"]
    return sum(int(market["gaps"]) for market in markets)


def test_cronjob_makes_candles_grow(release: Release, figures: Figures) -> None:
    before = _newest(release)
    until("a newer candle", lambda: _newest(release) > before, 150)
    figures.note(
        "2 ingestion", candles_in_one_run=int((_newest(release) - before) / timedelta(hours=1))
    )


def test_missed_run_leaves_no_trace(release: Release, figures: Figures) -> None:
    cronjob = f"cronjob/{NAME}-ingestion"
    release.namespace.kubectl("patch", cronjob, "-p", '{"spec":{"suspend":true}}')
    before = _newest(release)
    until(
        "time for a run",
        lambda: release.ask("/v1/forecasts/BTC-USD")["data_age_seconds"] > 8 * 3600,
        180,
    )
    release.namespace.kubectl("patch", cronjob, "-p", '{"spec":{"suspend":false}}')
    until("the missed candles", lambda: _newest(release) - before >= timedelta(hours=8), 150)
    assert _gaps(release) == 0


def test_doubled_run_leaves_no_trace(release: Release, figures: Figures) -> None:
    names = ("twice-a", "twice-b")
    for name in names:
        release.namespace.kubectl("create", "job", name, f"--from=cronjob/{NAME}-ingestion")
    for name in names:
        release.namespace.kubectl(
            "wait", "--for=condition=Complete", f"job/{name}", "--timeout=120s", seconds=150
        )
    candles = release.ask("/v1/candles/BTC-USD?limit=200")["candles"]
    times = [datetime.fromisoformat(candle["open_time"]) for candle in candles]
    steps = {later - earlier for earlier, later in zip(times, times[1:], strict=False)}
    figures.note("2 ingestion", gaps_after_a_missed_and_a_doubled_run=_gaps(release))
    assert steps == {timedelta(hours=1)}
