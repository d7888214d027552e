"""A market from its first days on: which model serves it, and how it moves up."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from tests.integration.training.conftest import END, HORIZON, MARKET, START, Workshop, opened
from tests.unit.features.synthetic_candles import synthetic_candles
from tidecast.errors import TooFewCandles
from tidecast.models import artefact
from tidecast.models.ladder import find_rung, ladder
from tidecast.store import Store

EWMA = find_rung("ewma", "1h", HORIZON).candles

Young = Callable[[pd.DataFrame], Workshop]


def _candles(returns: np.ndarray, before: int = 0) -> pd.DataFrame:
    """Candles with the given returns, the newest of them ``before`` candles before the end."""
    closes = 100 * np.exp(np.cumsum(returns))
    end = END - (before + 1) * MARKET.length
    index = pd.date_range(end=end, periods=len(returns), freq="h", name="open_time").as_unit("us")
    prices = {name: closes for name in ("open", "high", "low", "close")}
    return pd.DataFrame({**prices, "volume": 1.0}, index=index)


def _noise(count: int, deviation: float = 0.01) -> np.ndarray:
    return np.random.default_rng(5).normal(0, deviation, count)


def _jumps(count: int) -> np.ndarray:
    """After each jump EWMA expects more of them, and nothing comes."""
    returns = _noise(count, 0.001)
    returns[::25] += 0.1 * (-1.0) ** np.arange(len(returns[::25]))
    return returns


@pytest.fixture
def young(tmp_path, migrated_home) -> Iterator[Young]:
    """Makes a home whose market has the given candles only."""
    with ExitStack() as stack:

        def make(candles: pd.DataFrame) -> Workshop:
            home = tmp_path / "home"
            home.mkdir()
            shutil.copy(migrated_home / "mlflow.db", home)
            with Store(f"sqlite:///{home / 'tidecast.db'}") as store:
                store.migrate()
                store.candles.upsert(MARKET, candles, "replay:BTC-USD", lambda: START)
            return stack.enter_context(opened(home))

        yield make


def _model(workshop: Workshop) -> str:
    return artefact.load(workshop.registry.fetch(MARKET, workshop.champion())).model.name


def test_market_of_six_days_is_served_by_the_random_walk(young):
    workshop = young(_candles(_noise(144)))
    outcome = workshop.train(model=None)
    assert (outcome.status, _model(workshop)) == ("promoted", "random_walk")
    assert "the random walk, which a first champion is compared with" in outcome.detail
    facts = workshop.registry.version(MARKET, "1").facts
    assert (facts["model"], facts["horizon"]) == ("random_walk", HORIZON)


def test_market_of_a_hundred_candles_is_not_served_yet(young):
    outcome = young(_candles(_noise(100))).train(model=None)
    assert outcome.status == "failed"
    assert "needs 101 candles, has 100" in outcome.detail


@pytest.mark.parametrize("rung", ladder("1h", HORIZON)[1:3], ids=lambda rung: rung.model)
def test_first_champion_is_the_highest_rung_that_the_history_supports(rung, young):
    closes = synthetic_candles(rung.candles + 1)["close"]
    workshop = young(_candles(np.diff(np.log(closes))))
    assert workshop.train(model=None).status == "promoted"
    assert _model(workshop) == rung.model


def test_market_moves_up_when_its_history_has_grown_and_the_gate_prefers_it(young):
    returns = np.concatenate([_noise(144, 0.002), _noise(EWMA - 144)])
    whole = _candles(returns)
    workshop = young(whole.iloc[:144])
    workshop.train(model=None)
    workshop.store.candles.upsert(MARKET, whole, "replay:BTC-USD", lambda: START)
    outcome = workshop.train(model=None)
    assert (outcome.status, _model(workshop)) == ("promoted", "ewma")
    assert outcome.verdict.figures["against"]["champion"]["skill"] > 0.1


def test_market_stays_where_it_is_when_the_gate_does_not_prefer_the_higher_rung(young):
    whole = _candles(_jumps(EWMA))
    workshop = young(whole.iloc[:300])
    workshop.train(model=None)
    workshop.store.candles.upsert(MARKET, whole, "replay:BTC-USD", lambda: START)
    outcome = workshop.train(model=None)
    assert (outcome.status, _model(workshop)) == ("kept", "random_walk")
    assert workshop.registry.version(MARKET, outcome.version).facts["model"] == "ewma"


def test_lower_rung_steps_in_for_one_that_the_gate_refuses_as_first_champion(young):
    workshop = young(_candles(_jumps(EWMA + 200)))
    assert (workshop.train(model=None).status, _model(workshop)) == ("promoted", "random_walk")
    refused = workshop.registry.version(MARKET, "1")
    assert (refused.facts["model"], refused.verdict["passed"]) == ("ewma", False)


def test_market_of_every_third_hour_is_served(young):
    workshop = young(_candles(_noise(2600)).iloc[::3])
    assert workshop.train(model=None).status == "promoted"
    assert workshop.champion() is not None


def test_model_that_is_asked_for_is_not_replaced_by_a_lower_one(young):
    workshop = young(_candles(_noise(500)))
    outcome = workshop.train(model="ensemble")
    assert isinstance(outcome.error, TooFewCandles)
    assert workshop.champion() is None
