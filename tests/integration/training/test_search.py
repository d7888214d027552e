import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from tidecast.models.boosting import CHOSEN, BoostingParameters
from tidecast.timeframes import Market
from training.found import NOTHING
from training.search import SearchPlan, search

MARKET = Market("BTC-USD", "1h")
TRIALS = 6


@pytest.fixture
def plan(tmp_path: Path) -> SearchPlan:
    return SearchPlan(
        name="BTC-USD:1h/w1",
        store_url=f"sqlite:///{tmp_path / 'tidecast.db'}",
        trials=TRIALS,
        seconds=600.0,
        interval="1h",
        horizon=4,
        fold_candles=100,
        min_train_candles=500,
        seed=7,
        threads=1,
    )


@pytest.fixture
def tried() -> list[BoostingParameters]:
    """Every set of parameters that a fold was asked for."""
    return []


@pytest.fixture
def run(candles: pd.DataFrame, tried: list[BoostingParameters]) -> Callable[..., Any]:
    """Runs a search whose loss is a function of the parameters and the fold."""

    def start(plan: SearchPlan, loss: Callable[[BoostingParameters, int], float]) -> Any:
        def noted(_: SearchPlan, __: pd.DataFrame, split: int, one: BoostingParameters) -> float:
            tried.append(one)
            return loss(one, split)

        return search(plan, candles, loss=noted)

    return start


def less_with_trees(parameters: BoostingParameters, split: int) -> float:
    return 1 / (1 + abs(parameters.trees - CHOSEN.trees))


def test_search_begins_with_the_parameters_of_the_code(run: Any, plan: Any, tried: Any) -> None:
    run(plan, less_with_trees)

    assert tried[0] == CHOSEN


def test_search_takes_what_is_better_in_every_fold(run: Any, plan: Any, tried: Any) -> None:
    found = run(plan, less_with_trees)

    assert found.parameters == max(tried, key=lambda one: abs(one.trees - CHOSEN.trees))
    assert found.gain_ratio == pytest.approx(1 - less_with_trees(found.parameters, 0))
    assert found.trials == TRIALS


def test_search_keeps_the_parameters_of_the_code_when_the_others_fail_in_one_fold(
    run: Any, plan: Any, candles: pd.DataFrame
) -> None:
    last = len(candles) - plan.fold_candles

    def lucky(parameters: BoostingParameters, split: int) -> float:
        if parameters == CHOSEN:
            return 1.0
        return 1.1 if split == last else 0.1

    found = run(plan, lucky)

    assert (found.parameters, found.gain_ratio) == (CHOSEN, 0.0)


def test_search_looks_at_folds_one_after_the_other_inside_the_window(
    run: Any, plan: Any, candles: pd.DataFrame
) -> None:
    splits: list[int] = []

    def note(parameters: BoostingParameters, split: int) -> float:
        splits.append(split)
        return 1.0

    run(replace(plan, trials=1), note)

    n, fold = len(candles), plan.fold_candles
    assert splits == [n - 3 * fold, n - 2 * fold, n - fold]


def test_search_begins_no_trial_after_its_time(run: Any, plan: Any, tried: Any) -> None:
    assert run(replace(plan, seconds=1e-6), less_with_trees) == NOTHING
    assert tried == []


def test_search_goes_on_where_an_earlier_one_of_its_name_ended(
    run: Any, plan: Any, tried: Any
) -> None:
    run(replace(plan, trials=4), less_with_trees)
    before = len({*tried})

    found = run(plan, less_with_trees)

    assert len({*tried}) == before + 2
    assert tried.count(CHOSEN) == 3
    assert found.trials == TRIALS


def test_search_with_too_few_candles_for_its_folds_is_skipped(
    run: Any, plan: Any, candles: pd.DataFrame, tried: Any
) -> None:
    assert run(replace(plan, min_train_candles=len(candles)), less_with_trees) == NOTHING
    assert tried == []


def test_search_without_its_database_costs_no_training(run: Any, plan: Any) -> None:
    away = replace(plan, store_url="postgresql://nobody@127.0.0.1:9/none")

    assert run(away, less_with_trees) == NOTHING


def test_search_whose_folds_cannot_be_fitted_costs_no_training(
    plan: Any, candles: pd.DataFrame
) -> None:
    assert search(plan, candles.iloc[-900:]) == NOTHING


def test_two_that_search_at_once_share_the_trials_in_postgresql(
    run: Any, plan: Any, postgres: Any, tried: Any
) -> None:
    shared = replace(plan, store_url=postgres.create(), trials=12)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(run(shared, less_with_trees)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.trials for one in found][-1] in (12, 13)  # one each may be under way at the end
    assert tried.count(CHOSEN) in (3, 6)
    with psycopg.connect(shared.store_url) as connection:
        listed = connection.execute(
            "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN"
            " ('studies', 'trials', 'alembic_version')"
        ).fetchall()
    assert listed == [("tidecast_search",)]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_training_registers_the_parameters_that_it_searched_for(workshop: Any) -> None:
    training = workshop.settings.training.model_copy(update={"search_trials": 2})
    workshop.settings = workshop.settings.model_copy(update={"training": training})

    outcome = workshop.train(model="ensemble", study="w1")

    run_id = workshop.registry.version(MARKET, outcome.version).run_id
    with contextlib.closing(sqlite3.connect(workshop.home / "mlflow.db")) as database:
        query = "SELECT key, value FROM params WHERE run_uuid = ?"
        logged = dict(database.execute(query, (run_id,)).fetchall())
    assert logged["search_trials"] == "2"
    assert {f"boosting_{name}" for name in asdict(CHOSEN)} <= logged.keys()
