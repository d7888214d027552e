import json
from datetime import datetime, timedelta

from cluster import until
from figures import Figures
from release import NAME, Release

from tidecast.exit_codes import ExitCode

MISSED_HOURS = 10
"""Older than the data ever are while the CronJob runs: a run brings seven or eight hours."""


def test_cronjob_makes_candles_grow(release: Release, figures: Figures) -> None:
    before = release.newest_candle()
    until("a newer candle", lambda: release.newest_candle() > before, 150)
    grown = release.newest_candle() - before
    figures.note("2 ingestion", candles_in_one_run=int(grown / timedelta(hours=1)))


def test_missed_run_leaves_no_trace(release: Release, figures: Figures) -> None:
    cronjob = f"cronjob/{NAME}-ingestion"
    release.namespace.kubectl("patch", cronjob, "-p", '{"spec":{"suspend":true}}')
    before = release.newest_candle()
    until("time for a run", lambda: release.data_age_hours() > MISSED_HOURS, 180)
    release.namespace.kubectl("patch", cronjob, "-p", '{"spec":{"suspend":false}}')
    until(
        "the missed candles",
        lambda: release.newest_candle() - before >= timedelta(hours=MISSED_HOURS),
        150,
    )
    assert release.status()["gaps"] == 0


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
    figures.note("2 ingestion", gaps_after_a_missed_and_a_doubled_run=release.status()["gaps"])
    assert steps == {timedelta(hours=1)}


def test_market_of_no_source_ends_with_its_code_and_the_others_go_on(
    release: Release, figures: Figures
) -> None:
    name = "unknown-market"
    job = release.job_from(f"cronjob/{NAME}-ingestion", name)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    markets = [
        {"symbol": symbol, "interval": "1h", "sources": [{"exchange": "replay", "pair": symbol}]}
        for symbol in ("NOPE-USD", "BTC-USD")
    ]
    container["env"].append({"name": "TIDECAST_MARKETS", "value": json.dumps(markets)})
    release.namespace.apply(job)
    release.namespace.kubectl(
        "wait", "--for=condition=Failed", f"job/{name}", "--timeout=90s", seconds=120
    )
    (pod,) = release.namespace.items("pods", "-l", f"job-name={name}")
    (ended,) = pod["status"]["containerStatuses"]
    code = ended["state"]["terminated"]["exitCode"]
    log = release.namespace.kubectl("logs", f"job/{name}")
    release.namespace.kubectl("delete", f"job/{name}")
    figures.note("2 market of no source", pods=1, exit_code=code)
    assert code == ExitCode.CONFIGURATION
    assert any("NOPE-USD" in line for line in log.splitlines())
    assert any("BTC-USD" in line and "ingested" in line for line in log.splitlines())
