import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from service.board import Board
from service.dataplane import Answer, DataPlane
from service.oip.inference import KEPT_ANSWERS, Inference
from service.oip.outputs import (
    degraded_text,
    lasting_parameters,
    outputs_of,
    wanted_outputs,
)
from service.oip.tensors import Tensor
from service.refusals import UnknownModel
from service.snapshot import Snapshot
from tidecast.errors import ForecastUnavailable, InvalidParameter, UnknownMarket
from tidecast.forecasts import LEVELS
from tidecast.timeframes import Market

SYMBOL = Tensor("symbol", "BYTES", [1], ["BTC-USD"])


def _infer(plane: DataPlane, *tensors: Tensor, version: str = "") -> Answer:
    return Inference(plane).infer("tidecast", version, tensors)


def _levels(*levels: float) -> Tensor:
    return Tensor("quantile_levels", "FP64", [len(levels)], levels)


def _horizon(horizon: int) -> Tensor:
    return Tensor("horizon", "INT64", [1], [horizon])


def test_infer_asks_for_every_step_and_the_default_levels(serving) -> None:
    assert _infer(serving, SYMBOL) == serving.forecast("BTC-USD")


def test_infer_gives_the_same_answer_again_until_it_is_a_second_old(serving, clock) -> None:
    inference = Inference(serving)
    first, second = (inference.infer("tidecast", "", [SYMBOL]) for _ in range(2))
    clock.moment += timedelta(seconds=1)
    third = inference.infer("tidecast", "", [SYMBOL])
    assert first is second
    assert third.data_age_seconds == first.data_age_seconds + 1


def test_infer_gives_another_answer_when_something_is_degraded(
    serving, board: Board, market: Market
) -> None:
    inference = Inference(serving)
    inference.infer("tidecast", "", [SYMBOL])
    board.trouble(market, "store", "the store is away")
    assert inference.infer("tidecast", "", [SYMBOL]).degraded == ("the store is away",)


def test_infer_keeps_a_bounded_number_of_answers(serving) -> None:
    inference = Inference(serving)
    for low, high in itertools.islice(itertools.combinations(LEVELS, 2), KEPT_ANSWERS + 1):
        inference.infer("tidecast", "", [SYMBOL, _levels(low, high)])
    assert len(inference._answers) <= KEPT_ANSWERS


def test_infer_takes_inputs_in_any_order(serving) -> None:
    interval = Tensor("interval", "BYTES", [1], [b"1h"])
    answer = _infer(serving, _levels(0.9, 0.1), _horizon(2), interval, SYMBOL)
    assert answer == serving.forecast("BTC-USD", "1h", 2, [0.1, 0.9])


@pytest.mark.parametrize(
    ("tensors", "field"),
    [
        ([], "inputs"),
        ([_horizon(2)], "inputs"),
        ([SYMBOL, Tensor("Horizon", "INT64", [1], [2])], "inputs"),
        ([SYMBOL, SYMBOL], "symbol"),
        ([SYMBOL, _horizon(2), _horizon(2)], "horizon"),
        ([SYMBOL, _horizon(0)], "horizon"),
        ([SYMBOL, _horizon(-1)], "horizon"),
        ([SYMBOL, _horizon(10**9)], "horizon"),
        ([SYMBOL, _levels(float("nan"))], "quantile_levels"),
        ([SYMBOL, _levels(float("inf"))], "quantile_levels"),
        ([SYMBOL, _levels(0.5, 0.5)], "quantile_levels"),
        ([SYMBOL, _levels(1.5)], "quantile_levels"),
        ([SYMBOL, _levels()], "quantile_levels"),
        ([SYMBOL, Tensor("interval", "BYTES", [1], ["2h"])], "interval"),
    ],
)
def test_infer_names_the_input_at_fault(serving, tensors: list[Tensor], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        _infer(serving, *tensors)
    assert refused.value.field == field


def test_infer_of_unknown_market_names_the_served_ones(serving) -> None:
    with pytest.raises(UnknownMarket) as refused:
        _infer(serving, Tensor("symbol", "BYTES", [1], ["DOGE-USD"]))
    assert refused.value.field == "symbol"
    assert "BTC-USD" in refused.value.allowed


def test_infer_without_a_forecast_says_why(plane) -> None:
    with pytest.raises(ForecastUnavailable, match="starting"):
        _infer(plane, SYMBOL)


def test_infer_of_the_serving_version_answers(serving) -> None:
    assert _infer(serving, SYMBOL, version="7").snapshot.forecast.model_version == "7"


def _serve_other(board: Board, snapshot: Snapshot, version: str) -> None:
    """ETH-USD 1h, forecast by another version."""
    market = Market("ETH-USD", "1h")
    forecast = replace(snapshot.forecast, market=market, model_version=version)
    board.serve(market, replace(snapshot, logged=replace(snapshot.logged, forecast=forecast)))


def test_infer_of_a_version_of_another_market_names_what_serves(
    serving, board: Board, snapshot: Snapshot
) -> None:
    _serve_other(board, snapshot, "10")
    with pytest.raises(UnknownModel, match="does not serve BTC-USD") as refused:
        _infer(serving, SYMBOL, version="10")
    assert (refused.value.field, refused.value.allowed) == ("model_version", ["7"])


def test_infer_of_a_version_that_serves_nowhere_names_those_that_do(serving) -> None:
    with pytest.raises(UnknownModel) as refused:
        _infer(serving, SYMBOL, version="6")
    assert (refused.value.field, refused.value.allowed) == ("model_version", ["7"])


def test_infer_of_another_model_names_ours(serving) -> None:
    with pytest.raises(UnknownModel) as refused:
        Inference(serving).infer("iris", "", [SYMBOL])
    assert (refused.value.field, refused.value.allowed) == ("model_name", ["tidecast"])


def test_versions_are_those_that_serve_oldest_first(
    serving, board: Board, snapshot: Snapshot
) -> None:
    _serve_other(board, snapshot, "10")
    assert Inference(serving).versions() == ["7", "10"]


def test_versions_are_none_before_the_first_forecast(plane) -> None:
    assert Inference(plane).versions() == []
    assert not Inference(plane).ready()


def test_outputs_are_those_of_the_data_plane_to_the_last_bit(serving) -> None:
    answer = serving.forecast("BTC-USD", "1h", 2, [0.05, 0.95])
    timestamps, mean, quantiles, levels = outputs_of(answer, wanted_outputs([]))
    rows = answer.snapshot.forecast.quantiles[:2, list(answer.levels)].tolist()
    assert timestamps.values == [1738321200000, 1738324800000]
    assert mean.values == [100.1, 100.1]
    assert (quantiles.shape, quantiles.values) == ((2, 2), [*rows[0], *rows[1]])
    assert levels.values == [0.05, 0.95]


def test_wanted_outputs_keep_their_order() -> None:
    assert wanted_outputs(["quantiles", "mean"]) == ("quantiles", "mean")


@pytest.mark.parametrize("names", [["median"], ["mean", "mean"]])
def test_wanted_outputs_refuse_unknown_and_repeated_ones(names: list[str]) -> None:
    with pytest.raises(InvalidParameter) as refused:
        wanted_outputs(names)
    assert refused.value.field == "outputs"


def test_lasting_parameters_leave_unknown_times_out(snapshot: Snapshot) -> None:
    known = lasting_parameters(snapshot)
    origin = replace(snapshot.origin, trained_at=None)
    unknown = lasting_parameters(replace(snapshot, origin=origin))
    assert known["trained_at"] == "2025-01-30T10:00:00Z"
    assert known.keys() - unknown.keys() == {"trained_at"}


def test_degraded_reasons_are_joined(serving) -> None:
    answer = replace(serving.forecast("BTC-USD"), degraded=("old", "odd"))
    assert degraded_text(answer) == "old; odd"
