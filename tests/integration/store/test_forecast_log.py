from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tidecast.evaluation.scoring import Score
from tidecast.store import Store
from tidecast.store.database import Database
from tidecast.timeframes import Market

HOUR = timedelta(hours=1)


def score_of(logged, step):
    forecast = logged.forecast
    return Score(
        market=forecast.market,
        cutoff=forecast.cutoff,
        step=step,
        model_version=forecast.model_version,
        target_time=forecast.target_times[step - 1],
        actual=1e4,
        error=0.01,
        baseline_error=0.02,
        crps=0.005,
        baseline_crps=0.006,
        pit=0.4,
        width_90=0.03,
        covered_50=True,
        covered_80=True,
        covered_90=True,
        covered_95=False,
    )


@pytest.mark.parametrize("name", ["mean", "quantiles", "baseline_quantiles"])
def test_arrays_come_back_bit_for_bit(store, market, make_forecast, name):
    logged = make_forecast()
    store.forecasts.add(logged)
    kept = getattr(store.forecasts.newest(market).forecast, name)
    array = getattr(logged.forecast, name)
    assert (kept.dtype, kept.shape) == (np.dtype(np.float64), array.shape)
    assert kept.tobytes() == array.tobytes()
    assert kept.flags.writeable


def test_circumstances_come_back(store, market, make_forecast, now):
    logged = replace(make_forecast(), calibrated_at=now - HOUR, simulated=True)
    store.forecasts.add(logged)
    kept = store.forecasts.newest(market)
    names = ("issued_at", "source", "calibrated_at", "simulated")
    assert [getattr(kept, name) for name in names] == [getattr(logged, name) for name in names]
    names = ("market", "cutoff", "close", "model_version", "target_times")
    kept, logged = kept.forecast, logged.forecast
    assert [getattr(kept, name) for name in names] == [getattr(logged, name) for name in names]


def test_array_of_another_layout_is_kept_by_its_values(store, market, make_forecast):
    logged = make_forecast()
    turned = np.asfortranarray(logged.forecast.quantiles)
    store.forecasts.add(replace(logged, forecast=replace(logged.forecast, quantiles=turned)))
    assert (store.forecasts.newest(market).forecast.quantiles == turned).all()


def test_add_keeps_the_first_when_repeated(store, market, make_forecast, now):
    logged = make_forecast()
    assert store.forecasts.add(logged)
    assert not store.forecasts.add(replace(logged, issued_at=now + HOUR))
    assert store.forecasts.newest(market).issued_at == logged.issued_at


def test_add_refuses_an_array_of_the_wrong_shape(store, make_forecast):
    logged = make_forecast()
    short = replace(logged.forecast, mean=logged.forecast.mean[:3])
    with pytest.raises(ValueError, match="shape"):
        store.forecasts.add(replace(logged, forecast=short))


def test_newest_is_none_when_nothing_was_forecast(store, market):
    assert store.forecasts.newest(market) is None


def test_newest_is_the_last_issued_of_the_last_cutoff(store, market, make_forecast, now):
    store.forecasts.add(make_forecast(now - HOUR, "9"))
    store.forecasts.add(replace(make_forecast(now, "10"), issued_at=now + HOUR))
    store.forecasts.add(make_forecast(now, "9"))
    assert store.forecasts.newest(market).forecast.model_version == "10"


def test_read_is_ordered_by_cutoff_and_bounded(store, market, make_forecast, now):
    for k in (3, 1, 2, 0):
        store.forecasts.add(make_forecast(now + k * HOUR))
    found = store.forecasts.read(market, start=now + HOUR, end=now + 3 * HOUR)
    assert [logged.forecast.cutoff for logged in found] == [now + HOUR, now + 2 * HOUR]


def test_read_takes_one_model_version(store, market, make_forecast):
    store.forecasts.add(make_forecast(model_version="1"))
    store.forecasts.add(make_forecast(model_version="2"))
    (found,) = store.forecasts.read(market, model_version="2")
    assert found.forecast.model_version == "2"


def test_read_takes_one_market(store, make_forecast):
    store.forecasts.add(make_forecast())
    assert store.forecasts.read(Market("ETH-USD", "1h")) == []


def unscored_steps(store, market, matured_until, **options):
    found = store.forecasts.unscored(market, matured_until, **options)
    return [(logged.forecast.cutoff, steps) for logged, steps in found]


def test_unscored_names_the_steps_that_are_due(store, market, make_forecast, now):
    store.forecasts.add(make_forecast(now))
    store.forecasts.add(make_forecast(now + HOUR))
    assert unscored_steps(store, market, now + 2 * HOUR) == [(now, [1, 2]), (now + HOUR, [1])]


def test_unscored_is_empty_before_the_first_target_time(store, market, make_forecast, now):
    store.forecasts.add(make_forecast(now))
    assert unscored_steps(store, market, now + HOUR - timedelta(microseconds=1)) == []


def test_unscored_stops_at_the_horizon(store, market, make_forecast, now):
    store.forecasts.add(make_forecast(now))
    assert unscored_steps(store, market, now + 100 * HOUR) == [(now, list(range(1, 25)))]


def test_unscored_leaves_out_scored_steps(store, market, make_forecast, now):
    logged = make_forecast(now)
    store.forecasts.add(logged)
    store.scores.add([score_of(logged, 1), score_of(logged, 3)])
    assert unscored_steps(store, market, now + 4 * HOUR) == [(now, [2, 4])]


def test_unscored_leaves_out_steps_marked_unscorable(store, market, make_forecast, now):
    logged = make_forecast(now)
    store.forecasts.add(logged)
    marked = store.forecasts.mark_unscorable(logged.forecast, [2, 3], "candle missing", now)
    assert marked == 2
    assert unscored_steps(store, market, now + 4 * HOUR) == [(now, [1, 4])]


def test_step_both_scored_and_unscorable_counts_once(store, market, make_forecast, now):
    logged = make_forecast(now)
    store.forecasts.add(logged)
    store.forecasts.mark_unscorable(logged.forecast, [1], "candle missing", now)
    store.scores.add([score_of(logged, 1)])
    assert store.forecasts.mark_unscorable(logged.forecast, [1], "candle missing", now) == 0
    assert unscored_steps(store, market, now + 2 * HOUR) == [(now, [2])]


def test_unscored_is_not_blocked_by_forecasts_that_wait(store, market, make_forecast, now):
    for k in range(3):
        logged = make_forecast(now + k * HOUR)
        store.forecasts.add(logged)
        if k < 2:
            store.scores.add([score_of(logged, step) for step in range(1, 4 - k)])
    found = unscored_steps(store, market, now + 3 * HOUR, limit=1)
    assert found == [(now + 2 * HOUR, [1])]


def test_unscored_keeps_model_versions_apart(store, market, make_forecast, now):
    first, second = make_forecast(now, "1"), make_forecast(now, "2")
    store.forecasts.add(first)
    store.forecasts.add(second)
    store.scores.add([score_of(first, 1)])
    ((logged, steps),) = store.forecasts.unscored(market, now + HOUR)
    assert (logged.forecast.model_version, steps) == ("2", [1])


def test_steps_settled_by_many_at_once_are_all_counted(url, market, make_forecast, now):
    logged = make_forecast(now)
    stores = [Store(url) for _ in range(8)]
    stores[0].forecasts.add(logged)

    def settle(step):
        store = stores[step % 8]
        if step % 2:
            return store.scores.add([score_of(logged, step)])
        return store.forecasts.mark_unscorable(logged.forecast, [step], "no candle", now)

    with ThreadPoolExecutor(8) as threads:
        settled = sum(threads.map(settle, range(1, 25)))
    for store in stores:
        store.close()
    database = Database(url)
    with database.reading() as connection:
        counted = connection.exec_driver_sql("SELECT settled_steps FROM forecasts").scalar()
    database.engine.dispose()
    assert settled == counted == 24


def test_scores_that_come_before_their_forecast_are_counted(store, market, make_forecast, now):
    logged = make_forecast(now)
    store.scores.add([score_of(logged, 1)])
    store.forecasts.add(logged)
    assert unscored_steps(store, market, now + 2 * HOUR) == [(now, [2])]
