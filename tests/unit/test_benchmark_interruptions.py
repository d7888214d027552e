import pandas as pd

from benchmarks.interruptions import after_interruption
from tests.unit.features.synthetic_candles import synthetic_candles, with_gaps, with_still

HOUR = pd.Timedelta(hours=1)


def _chosen(candles: pd.DataFrame) -> list[int]:
    ends = pd.DatetimeIndex(candles.index) + HOUR
    chosen = ends[after_interruption(candles, ends)]
    return ((chosen - ends[0]) // HOUR).tolist()


def test_cutoffs_of_a_day_after_a_hole_are_chosen() -> None:
    assert _chosen(with_gaps(synthetic_candles(100), [(40, 3)])) == list(range(43, 67))


def test_cutoffs_of_a_day_after_a_candle_without_volume_are_chosen() -> None:
    assert _chosen(with_still(synthetic_candles(100), [(50, 1)])) == list(range(50, 74))


def test_whole_candles_choose_no_cutoff() -> None:
    assert _chosen(synthetic_candles(60)) == []
