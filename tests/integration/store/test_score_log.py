from dataclasses import asdict, fields, replace
from datetime import timedelta

import numpy as np
import pytest

from tidecast.evaluation.scoring import Score
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)


@pytest.fixture
def score(market, now):
    return Score(
        market=market,
        cutoff=now,
        step=1,
        model_version="1",
        target_time=now + HOUR,
        actual=1e4 / 3,
        error=0.01,
        baseline_error=0.02,
        crps=0.1 + 0.2,
        baseline_crps=0.006,
        pit=0.4,
        width_90=0.03,
        covered_50=False,
        covered_80=False,
        covered_90=True,
        covered_95=True,
    )


def test_read_gives_the_fields_of_a_score_as_columns(store, market, score):
    store.scores.add([score])
    found = store.scores.read(market)
    assert list(found.columns) == [field.name for field in fields(Score)]
    kept, expected = found.iloc[0].to_dict(), asdict(score) | {"market": str(market)}
    assert kept == expected


def test_read_types_its_columns_also_when_there_is_no_score(store, market, score):
    empty = store.scores.read(market).dtypes
    store.scores.add([score])
    kinds = store.scores.read(market).dtypes
    assert str(kinds["cutoff"]) == str(kinds["target_time"]) == "datetime64[us, UTC]"
    assert str(kinds["covered_90"]) == "bool"
    assert kinds.equals(empty)


def test_add_keeps_the_first_when_repeated(store, market, score):
    assert store.scores.add([score]) == 1
    other = replace(score, step=2, target_time=score.target_time + HOUR)
    assert store.scores.add([replace(score, crps=9.0), other]) == 1
    assert list(store.scores.read(market)["crps"]) == [score.crps, score.crps]


def test_add_of_nothing_is_zero(store):
    assert store.scores.add([]) == 0


def test_add_takes_numpy_scalars(store, market, score):
    store.scores.add([replace(score, covered_50=np.True_, pit=np.float64(0.1), step=np.int64(4))])
    (row,) = store.scores.read(market).itertuples()
    assert (row.covered_50, row.pit, row.step) == (True, 0.1, 4)


def test_read_selects_cutoffs_steps_versions_and_markets(store, market, score, now):
    scores = [
        replace(score, cutoff=now + k * HOUR, step=step, model_version=version)
        for k in range(3)
        for step in (1, 2)
        for version in ("1", "2")
    ]
    assert store.scores.add(scores) == 12
    found = store.scores.read(
        market, start=now + HOUR, end=now + 2 * HOUR, step=2, model_version="2"
    )
    assert [tuple(row) for row in found[["cutoff", "step", "model_version"]].to_numpy()] == [
        (now + HOUR, 2, "2")
    ]
    assert store.scores.read(Market("ETH-USD", "1h")).empty


def test_read_is_ordered_by_cutoff_and_step(store, market, score, now):
    scores = [replace(score, cutoff=now + k * HOUR, step=step) for k in (1, 0) for step in (10, 9)]
    store.scores.add(scores)
    found = store.scores.read(market)
    assert list(found["step"]) == [9, 10, 9, 10]
    assert found["cutoff"].is_monotonic_increasing
