import json

import pytest

from service.messages import ForecastAnswer
from service.parameters import level_positions
from service.rendering import render
from service.snapshot import Snapshot
from tidecast.forecasts import LEVELS, Forecast

DEFAULT = level_positions((0.05, 0.5, 0.95))


def _answer(snapshot: Snapshot, steps: int = 4, levels=DEFAULT, degraded=()) -> dict:
    return json.loads(snapshot.rendered.answer(1843.2, degraded, steps, levels))


def test_rendered_answer_keeps_the_contract(snapshot: Snapshot) -> None:
    body = snapshot.rendered.answer(1843.2, ("replayed data",), 4, DEFAULT)
    answer = ForecastAnswer.model_validate_json(body, strict=False)
    assert answer.cutoff.isoformat() == "2025-01-31T10:00:00+00:00"
    assert (answer.data_age_seconds, answer.degraded) == (1843.2, ["replayed data"])
    assert list(json.loads(body)) == list(ForecastAnswer.model_fields)


def test_rendered_prices_are_those_of_the_forecast_bit_for_bit(
    snapshot: Snapshot, forecast: Forecast
) -> None:
    every_level = tuple(range(len(LEVELS)))
    rows = _answer(snapshot, levels=every_level)["steps"]
    assert [list(row["quantiles"].values()) for row in rows] == forecast.quantiles.tolist()
    assert [row["mean"] for row in rows] == forecast.mean.tolist()
    assert [float(name) for name in rows[0]["quantiles"]] == list(LEVELS)


@pytest.mark.parametrize("steps", [1, 3])
def test_rendered_subset_has_the_rows_of_the_default(snapshot: Snapshot, steps: int) -> None:
    assert _answer(snapshot, steps)["steps"] == _answer(snapshot)["steps"][:steps]


def test_rendered_levels_have_the_values_of_the_default(snapshot: Snapshot) -> None:
    whole, part = _answer(snapshot), _answer(snapshot, levels=level_positions((0.95, 0.5)))
    for default, row in zip(whole["steps"], part["steps"], strict=True):
        assert row["quantiles"] == {name: default["quantiles"][name] for name in ("0.5", "0.95")}


def test_rendered_reasons_are_escaped(snapshot: Snapshot) -> None:
    reason = 'refused: "quoted"\n'
    assert _answer(snapshot, degraded=(reason,))["degraded"] == [reason]


def test_digest_stands_for_everything_that_is_rendered(snapshot: Snapshot, forecast) -> None:
    def digest(**changes) -> str:
        facts = {
            "source": "coinbase:BTC-USD",
            "trained_at": None,
            "promoted_at": None,
            "simulated": False,
            "default_levels": DEFAULT,
        }
        return render(forecast, **{**facts, **changes}).digest

    assert digest() == digest()
    others = [
        {"source": "kraken:XBTUSD"},
        {"trained_at": forecast.cutoff},
        {"promoted_at": forecast.cutoff},
        {"simulated": True},
        {"default_levels": DEFAULT[:1]},
    ]
    assert len({digest(), *(digest(**other) for other in others)}) == 6
