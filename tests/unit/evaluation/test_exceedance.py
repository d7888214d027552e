import math

import numpy as np
import pytest
from scipy import stats

from tidecast.evaluation.exceedance import christoffersen, kupiec
from tidecast.evaluation.metrics import Bools


def misses(count: int, of: int) -> Bools:
    return np.arange(of) < count


@pytest.mark.parametrize(
    ("count", "of", "statistic"),
    [(5, 100, 0.0), (10, 100, 4.1309), (0, 100, 10.2587), (1, 250, 18.4966)],
)
def test_kupiec_has_known_values(count: int, of: int, statistic: float) -> None:
    result = kupiec(misses(count, of), 0.05)
    assert result.statistic == pytest.approx(statistic, abs=1e-4)
    assert result.p == pytest.approx(stats.chi2.sf(statistic, 1), abs=1e-4)


def naive_christoffersen(missed: Bools, rate: float) -> float:
    counts = {(a, b): 0 for a in (0, 1) for b in (0, 1)}
    for before, after in zip(missed[:-1], missed[1:], strict=True):
        counts[int(before), int(after)] += 1
    p01 = counts[0, 1] / (counts[0, 0] + counts[0, 1])
    p11 = counts[1, 1] / (counts[1, 0] + counts[1, 1])
    promised = (1 - rate) ** (counts[0, 0] + counts[1, 0]) * rate ** (counts[0, 1] + counts[1, 1])
    free = (1 - p01) ** counts[0, 0] * p01 ** counts[0, 1]
    free *= (1 - p11) ** counts[1, 0] * p11 ** counts[1, 1]
    return -2 * math.log(promised / free)


def test_christoffersen_equals_the_count_of_transitions() -> None:
    missed = np.random.default_rng(2).random(300) < 0.08
    missed[100:103] = True
    result = christoffersen(missed, 0.05)
    assert result.statistic == pytest.approx(naive_christoffersen(missed, 0.05))
    assert result.p == pytest.approx(stats.chi2.sf(result.statistic, 2))


def test_christoffersen_sees_clusters_that_kupiec_does_not() -> None:
    clustered = misses(25, 500)
    assert kupiec(clustered, 0.05).p == pytest.approx(1.0)
    assert christoffersen(clustered, 0.05).p < 1e-6


def test_both_accept_an_honest_band_about_as_often_as_they_should() -> None:
    random = np.random.default_rng(3)
    rejected = [
        (kupiec(missed, 0.05).p < 0.05, christoffersen(missed, 0.05).p < 0.05)
        for missed in (random.random((300, 1000)) < 0.05)
    ]
    assert (np.mean(rejected, axis=0) < 0.1).all()


@pytest.mark.parametrize("always", [True, False])
def test_both_know_values_at_the_ends(always: bool) -> None:
    missed = np.full(50, always)
    expected = -100 * math.log(0.05 if always else 0.95)
    assert kupiec(missed, 0.05).statistic == pytest.approx(expected)
    assert christoffersen(missed, 0.05).statistic == pytest.approx(expected * 49 / 50)


def test_both_know_nothing_without_forecasts() -> None:
    empty = np.empty(0, dtype=bool)
    assert math.isnan(kupiec(empty, 0.05).p)
    assert math.isnan(christoffersen(empty, 0.05).p)
