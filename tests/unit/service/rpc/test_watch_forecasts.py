import threading
import time
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import REGISTRY

from service.proto import forecast_pb2 as pb
from service.rpc.watching import KEPT_CUTOFFS, History
from tidecast.timeframes import Market

WATCH = "tidecast.v1.ForecastService/WatchForecasts"


def _watch(rpc, timeout=60, **fields):
    return rpc.stub().WatchForecasts(pb.WatchForecastsRequest(**fields), timeout=timeout)


def _error(watch):
    with pytest.raises(grpc.RpcError) as caught:
        next(watch)
    return caught.value


def _cutoff(answer):
    return answer.cutoff.ToDatetime()


def _hours(answers, snapshot):
    first = snapshot.forecast.cutoff.replace(tzinfo=None)
    return [(_cutoff(answer) - first) / timedelta(hours=1) for answer in answers]


def _after(snapshot, hours):
    at = Timestamp()
    at.FromDatetime(snapshot.forecast.cutoff + timedelta(hours=hours))
    return at


def test_watch_begins_with_the_current_forecast(rpc):
    first = next(_watch(rpc))
    assert first == rpc.stub().Forecast(pb.ForecastRequest(symbol="BTC-USD"), timeout=30)


def test_watch_sends_each_new_forecast_once(rpc, publish, snapshot):
    watch = _watch(rpc, symbols=["BTC-USD"])
    got = [next(watch)]
    for hour in range(1, 6):
        publish(hour)
        got.append(next(watch))
    assert _hours(got, snapshot) == [0, 1, 2, 3, 4, 5]


def test_watch_sends_a_forecast_of_the_same_cutoff_by_another_model(rpc, publish):
    watch = _watch(rpc)
    next(watch)
    publish(version="8")
    assert next(watch).model_version == "8"


def test_watch_before_the_first_forecast_waits_for_it(serve, publish):
    rpc = serve()
    watch = _watch(rpc, symbols=["BTC-USD"])
    threading.Timer(0.2, publish).start()
    assert next(watch).symbol == "BTC-USD"


def test_watch_sends_chosen_steps_and_levels(rpc, publish):
    watch = _watch(rpc, horizon=2, levels=[0.5])
    next(watch)
    publish(1)
    answer = next(watch)
    assert (len(answer.steps), list(answer.levels)) == (2, [0.5])


def test_watch_sends_asked_markets_only(rpc, publish):
    watch = _watch(rpc, symbols=["ETH-USD"])
    publish(1)
    publish(1, market=Market("ETH-USD", "1h"))
    assert next(watch).symbol == "ETH-USD"


def test_watch_without_symbols_sends_all_markets_of_the_interval(rpc, publish):
    publish(0, market=Market("ETH-USD", "1d"))
    publish(0, market=Market("ETH-USD", "1h"))
    watch = _watch(rpc)
    got = [next(watch), next(watch)]
    assert {(each.symbol, each.interval) for each in got} == {("BTC-USD", "1h"), ("ETH-USD", "1h")}


def test_watch_resumed_gets_what_it_missed_in_order(rpc, publish, snapshot, clock):
    for hour in range(1, 6):
        publish(hour)
    watch = _watch(rpc, symbols=["BTC-USD"], resume_after=_after(snapshot, 2))
    assert _hours([next(watch) for _ in range(3)], snapshot) == [3, 4, 5]


def test_watch_resumed_gets_nothing_twice(rpc, publish, snapshot):
    watch = _watch(rpc, symbols=["BTC-USD"], resume_after=_after(snapshot, 0))
    threading.Timer(0.2, publish, [1]).start()
    assert _hours([next(watch)], snapshot) == [1]


def test_watch_resumed_before_all_that_is_kept_gets_all_of_it(rpc, publish, snapshot):
    for hour in range(1, KEPT_CUTOFFS + 5):
        publish(hour)
    watch = _watch(rpc, symbols=["BTC-USD"], resume_after=_after(snapshot, -9))
    got = _hours([next(watch) for _ in range(KEPT_CUTOFFS)], snapshot)
    assert got == list(range(5, KEPT_CUTOFFS + 5))


def test_watch_leaves_out_what_is_too_old_by_now(rpc, publish, snapshot, clock):
    publish(1)
    clock.moment = snapshot.forecast.cutoff + timedelta(hours=24.5)
    watch = _watch(rpc, symbols=["BTC-USD"], resume_after=_after(snapshot, -1))
    assert _hours([next(watch)], snapshot) == [1]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"symbols": ["XRP-USD"]}, "NOT_FOUND", "symbol"),
        ({"symbols": ["BTC-USD", "XRP-USD"]}, "NOT_FOUND", "symbol"),
        ({"interval": "5m"}, "NOT_FOUND", "interval"),
        ({"interval": "2h"}, "INVALID_ARGUMENT", "interval"),
        ({"horizon": 0}, "INVALID_ARGUMENT", "horizon"),
        ({"horizon": 2**31 - 1}, "INVALID_ARGUMENT", "horizon"),
        ({"levels": [float("nan")]}, "INVALID_ARGUMENT", "levels"),
        ({"levels": [0.5, 0.5]}, "INVALID_ARGUMENT", "levels"),
        ({"resume_after": {"seconds": 2**62}}, "INVALID_ARGUMENT", "resume_after"),
        ({"resume_after": {"nanos": -1}}, "INVALID_ARGUMENT", "resume_after"),
    ],
)
def test_watch_that_cannot_be_says_why(rpc, details, fields, code, field):
    error = _error(_watch(rpc, **fields))
    assert error.code().name == code
    assert details(error)["ErrorInfo"].metadata["field"] == field


def test_watchers_are_limited_and_shown(serve, publish, until, details):
    before = REGISTRY.get_sample_value("tidecast_watchers")
    rpc = serve(max_watchers=2)
    publish()
    open_ones = [_watch(rpc), _watch(rpc)]
    for watch in open_ones:
        next(watch)
    assert REGISTRY.get_sample_value("tidecast_watchers") == before + 2
    error = _error(_watch(rpc))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "RetryInfo" in details(error)
    assert rpc.admission.inflight == 0
    open_ones[0].cancel()
    until(lambda: REGISTRY.get_sample_value("tidecast_watchers") == before + 1)
    next(_watch(rpc))


def test_watcher_that_leaves_is_forgotten(rpc, publish, until):
    watches = [_watch(rpc) for _ in range(50)]
    for watch in watches:
        next(watch)
    before = REGISTRY.get_sample_value("tidecast_watchers")
    for watch in watches:
        watch.cancel()
    until(lambda: REGISTRY.get_sample_value("tidecast_watchers") == before - 50)


def test_many_watchers_take_no_thread_each(rpc, raw, publish):
    client = raw(rpc.address, window=100_000)
    before = threading.active_count()
    for number in range(50):
        client.headers(2 * number + 1, WATCH)
        client.message(2 * number + 1, b"")
    client.until(client.DATA, stream=99)
    publish(1)
    client.until(client.DATA, stream=99)
    assert threading.active_count() == before


def test_watcher_that_does_not_read_delays_no_other(rpc, raw, publish):
    for _ in range(10):
        client = raw(rpc.address, window=0)
        client.headers(1, WATCH)
        client.message(1, b"")
        client.until(client.HEADERS, stream=1)
    watch = _watch(rpc)
    next(watch)
    started = time.monotonic()
    publish(1)
    next(watch)
    assert time.monotonic() - started < rpc.settings.slow_client_seconds / 2


def test_watcher_that_does_not_read_is_given_up(serve, raw, publish, until):
    rpc = serve(slow_client_seconds=0.3)
    publish()
    before = REGISTRY.get_sample_value("tidecast_watchers")
    client = raw(rpc.address, window=0)
    client.headers(1, WATCH)
    client.message(1, b"")
    client.until(client.RST_STREAM, stream=1)
    until(lambda: REGISTRY.get_sample_value("tidecast_watchers") == before)


def test_watcher_that_reads_late_gets_every_forecast_that_is_kept(rpc, publish, snapshot):
    watch = _watch(rpc, symbols=["BTC-USD"], levels=[each / 100 for each in range(1, 100)])
    next(watch)
    for hour in range(1, KEPT_CUTOFFS):
        publish(hour)
    got = _hours([next(watch) for _ in range(KEPT_CUTOFFS - 1)], snapshot)
    assert got == list(range(1, KEPT_CUTOFFS))


def test_watch_ends_with_a_status_to_try_again_on_when_the_server_goes(rpc, details):
    watch = _watch(rpc)
    next(watch)
    rpc.server.drain()
    error = _error(watch)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "RetryInfo" in details(error)


def test_history_keeps_one_forecast_a_cutoff_and_so_many_cutoffs(market, publish, board):
    history = History([market])
    for hour in range(KEPT_CUTOFFS + 3):
        history.add(market, publish(hour))
    history.add(market, publish(KEPT_CUTOFFS + 2, version="8"))
    kept = history.of(market)
    assert len(kept) == KEPT_CUTOFFS
    assert [each.facts.model_version for each in kept[-2:]] == ["7", "8"]
    assert [each.serial for each in kept] == sorted(each.serial for each in kept)
