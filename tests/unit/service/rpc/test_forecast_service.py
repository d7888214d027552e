import json
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from service.board import Board
from service.champion import Title
from service.proto import forecast_pb2 as pb
from service.rpc.forecasts import KEPT_REQUESTS, ForecastService
from tidecast.store import Promotion
from tidecast.timeframes import Market

STALE = "stale: the newest candle ended 2025-01-31T10:00:00Z, over 2 candles ago"

TIMEOUT = 30


def _ask(rpc, **fields):
    return rpc.stub().Forecast(pb.ForecastRequest(symbol="BTC-USD", **fields), timeout=TIMEOUT)


def _error(rpc, **fields):
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Forecast(pb.ForecastRequest(**fields), timeout=TIMEOUT)
    return caught.value


def test_forecast_is_the_answer_of_rest_to_the_last_bit(rpc):
    answer = _ask(rpc)
    rest = json.loads(rpc.plane.forecast("BTC-USD").to_json())
    told = (answer.symbol, answer.interval, answer.source, answer.model_version, answer.simulated)
    assert told == tuple(
        rest[name] for name in ("symbol", "interval", "source", "model_version", "simulated")
    )
    for name in ("cutoff", "trained_at", "promoted_at"):
        moment = getattr(answer, name).ToDatetime(tzinfo=UTC)
        assert moment == datetime.fromisoformat(rest[name])
    assert answer.data_age_seconds == pytest.approx(rest["data_age_seconds"], abs=0.001)
    assert [(step.step, step.mean) for step in answer.steps] == [
        (step["step"], step["mean"]) for step in rest["steps"]
    ]
    for ours, theirs in zip(answer.steps, rest["steps"], strict=True):
        pairs = zip(answer.levels, ours.quantiles, strict=True)
        assert {f"{level:g}": price for level, price in pairs} == theirs["quantiles"]
        assert ours.target_time.ToDatetime(tzinfo=UTC) == datetime.fromisoformat(
            theirs["target_time"]
        )


def test_forecast_of_chosen_steps_and_levels_is_cut_from_the_arrays(rpc, forecast):
    answer = _ask(rpc, horizon=2, levels=[0.95, 0.01])
    assert list(answer.levels) == [0.01, 0.95]
    assert len(answer.steps) == 2
    assert list(answer.steps[1].quantiles) == list(forecast.quantiles[1, [1, 96]])


def test_forecast_says_how_old_and_how_sound_it_is(rpc, clock, snapshot):
    clock.moment = snapshot.forecast.cutoff + timedelta(hours=3)
    answer = _ask(rpc)
    assert answer.data_age_seconds == 10800
    assert list(answer.degraded) == [STALE]


def test_forecast_asked_again_is_that_of_the_new_snapshot(rpc, publish):
    assert _ask(rpc).model_version == "7"
    publish(version="8")
    assert _ask(rpc).model_version == "8"


def test_forecast_asked_again_has_the_age_of_the_moment(rpc, clock):
    before = _ask(rpc).data_age_seconds
    clock.moment += timedelta(seconds=5)
    assert _ask(rpc).data_age_seconds == before + 5


def test_answers_kept_are_bounded_in_number(plane, publish):
    publish()
    service = ForecastService(plane)
    asked = pb.ForecastRequest(symbol="BTC-USD").SerializeToString()
    for number in range(KEPT_REQUESTS + 10):
        unknown_field = b"\xf8\x07" + bytes((128 | number % 128, number // 128))
        service.forecast(asked + unknown_field)
    assert len(service._kept) <= KEPT_REQUESTS


def test_answers_to_long_requests_are_not_kept(plane, publish):
    publish()
    service = ForecastService(plane)
    padding = b"\xfa\x07\x7f" + bytes(127)
    service.forecast(pb.ForecastRequest(symbol="BTC-USD").SerializeToString() + 3 * padding)
    assert not service._kept


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"symbol": "XRP-USD"}, "NOT_FOUND", "symbol"),
        ({}, "NOT_FOUND", "symbol"),
        ({"symbol": "BTC-USD", "interval": "1d"}, "NOT_FOUND", "interval"),
        ({"symbol": "BTC-USD", "interval": "2h"}, "INVALID_ARGUMENT", "interval"),
        ({"symbol": "BTC-USD", "horizon": 0}, "INVALID_ARGUMENT", "horizon"),
        ({"symbol": "BTC-USD", "horizon": -1}, "INVALID_ARGUMENT", "horizon"),
        ({"symbol": "BTC-USD", "horizon": 2**31 - 1}, "INVALID_ARGUMENT", "horizon"),
        ({"symbol": "BTC-USD", "levels": [float("nan")]}, "INVALID_ARGUMENT", "levels"),
        ({"symbol": "BTC-USD", "levels": [0.5, 0.5]}, "INVALID_ARGUMENT", "levels"),
        ({"symbol": "BTC-USD", "levels": [0.123]}, "INVALID_ARGUMENT", "levels"),
        ({"symbol": "ETH-USD"}, "UNAVAILABLE", None),
    ],
)
def test_forecast_that_cannot_be_given_says_why(rpc, details, fields, code, field):
    error = _error(rpc, **fields)
    assert error.code().name == code
    facts = details(error)
    assert facts["ErrorInfo"].metadata.get("field") == field
    assert ("BadRequest" in facts) == (field is not None)
    assert ("RetryInfo" in facts) == (code == "UNAVAILABLE")


def test_batch_answers_each_request_in_its_order(rpc):
    asked = [
        pb.ForecastRequest(symbol="BTC-USD", horizon=1),
        pb.ForecastRequest(symbol="BTC-USD", horizon=99),
        pb.ForecastRequest(symbol="BTC-USD"),
    ]
    answer = rpc.stub().BatchForecast(pb.BatchForecastRequest(requests=asked), timeout=TIMEOUT)
    first, second, third = answer.results
    assert (len(first.forecast.steps), len(third.forecast.steps)) == (1, 4)
    assert (second.error.code, second.error.field) == ("invalid_parameter", "horizon")
    assert list(second.error.allowed) == ["1..4"]


def test_batch_of_too_many_is_refused_as_a_whole(rpc, details):
    many = pb.BatchForecastRequest(requests=[pb.ForecastRequest()] * 101)
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().BatchForecast(many, timeout=TIMEOUT)
    assert details(caught.value)["ErrorInfo"].metadata["allowed"] == "at most 100"


def test_empty_batch_has_no_results(rpc):
    assert not rpc.stub().BatchForecast(pb.BatchForecastRequest(), timeout=TIMEOUT).results


def test_models_are_those_of_rest(rpc, board: Board, clock):
    market = Market("BTC-USD", "1h")
    at = datetime(2025, 1, 31, 9, tzinfo=UTC)
    promotion = Promotion(3, market, "7", "5", at, "me", "better", False, {})
    board.learn(market, Title("7", 3, at), [promotion])
    models = rpc.stub().Models(pb.ModelsRequest(), timeout=TIMEOUT).markets
    assert [each.symbol for each in models] == ["BTC-USD", "ETH-USD", "ETH-USD"]
    btc = models[0]
    assert (btc.champion, btc.previous, btc.serving) == ("7", "5", "7")
    assert btc.history[0].at.ToDatetime(tzinfo=UTC) == at
    assert not models[1].champion
    assert not models[1].HasField("trained_at")


def test_scores_without_any_are_empty(rpc, store):
    store.migrate()
    scores = rpc.stub().Scores(pb.ScoresRequest(symbol="BTC-USD"), timeout=TIMEOUT)
    assert (scores.symbol, scores.n, list(scores.steps)) == ("BTC-USD", 0, [])
    assert not scores.HasField("since")


def test_scores_without_a_store_are_unavailable(rpc):
    with pytest.raises(grpc.RpcError) as caught:
        rpc.stub().Scores(pb.ScoresRequest(symbol="BTC-USD"), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "sqlite" not in caught.value.details()
