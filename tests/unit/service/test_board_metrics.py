from collections.abc import Callable
from datetime import timedelta

import pytest

from service.board import Board
from service.metrics import BoardCollector
from service.snapshot import Snapshot
from tidecast.timeframes import Market


@pytest.fixture
def gauge(board: Board, market: Market, snapshot: Snapshot, clock) -> Callable[[str], float]:
    """Reads a gauge of the market that has a forecast."""
    board.serve(market, snapshot)

    def read(name: str) -> float:
        families = {family.name: family for family in BoardCollector(board, clock).collect()}
        samples = {sample.labels["market"]: sample.value for sample in families[name].samples}
        return samples[str(market)]

    return read


def test_age_is_negative_while_the_clock_is_behind(gauge: Callable[[str], float], clock) -> None:
    clock.moment -= timedelta(hours=5)
    assert gauge("tidecast_newest_candle_age_seconds") == -16200.0


@pytest.mark.parametrize(("hours", "reasons"), [(0, 0), (5, 1)])
def test_clock_that_is_behind_counts_as_a_reason(
    gauge: Callable[[str], float], clock, hours: int, reasons: int
) -> None:
    clock.moment -= timedelta(hours=hours)
    assert gauge("tidecast_degraded_reasons") == reasons
