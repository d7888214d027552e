"""What servers need goes away and comes back; they go on from memory, say so, and heal."""

import time

import pytest
from cluster import until
from figures import Figures
from release import NAME, SECONDS_AN_HOUR, Release
from steady_client import SteadyClient, failures

AWAY_SECONDS = 60
CANDLES_AWAY = 10


@pytest.mark.parametrize(("server", "said"), [("postgresql", "store"), ("mlflow", "registry")])
def test_servers_go_on_without(
    server: str, said: str, release: Release, client: SteadyClient, figures: Figures
) -> None:
    release.take_away(f"statefulset/{NAME}-{server}")
    away = time.monotonic()
    until("told in degraded", lambda: said in release.degraded(), AWAY_SECONDS)
    told_seconds = time.monotonic() - away
    time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - away)))
    release.bring_back(f"statefulset/{NAME}-{server}")
    back = time.monotonic()
    until("healed", lambda: release.degraded() == "", 240)
    seen = client.stop()
    figures.note(
        f"6 {server} away",
        away_seconds=round(back - away),
        told_after_seconds=round(told_seconds),
        healed_after_seconds=round(time.monotonic() - back),
        answers=sum(kind["answers"] for kind in seen.values()),
        failed=sum(kind["failed"] for kind in seen.values()),
    )
    assert failures(seen) == {}
    assert all(said in " ".join(kind["degraded"]) for kind in seen.values())


def test_exchange_away_for_ten_hours_leaves_no_gap(
    release: Release, client: SteadyClient, figures: Figures
) -> None:
    release.take_away(f"deployment/{NAME}-replay")
    before, away = release.newest_candle(), time.monotonic()
    time.sleep(CANDLES_AWAY * SECONDS_AN_HOUR)
    until("stale data told of", lambda: "stale" in release.degraded(), 60)
    release.bring_back(f"deployment/{NAME}-replay")
    back, age = time.monotonic(), release.data_age_hours()
    until("healed", lambda: release.degraded() == "", 240)
    healed_seconds = time.monotonic() - back
    seen = client.stop()
    gaps = release.status()["gaps"]
    figures.note(
        "6 exchange away",
        away_seconds=round(back - away),
        data_age_at_the_end_hours=round(age, 1),
        healed_after_seconds=round(healed_seconds),
        gaps=gaps,
        answers=sum(kind["answers"] for kind in seen.values()),
        failed=sum(kind["failed"] for kind in seen.values()),
    )
    assert failures(seen) == {}
    assert gaps == 0
    assert (release.newest_candle() - before).total_seconds() >= CANDLES_AWAY * 3600
