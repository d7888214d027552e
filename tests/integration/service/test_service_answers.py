"""The real service as a process: its answers, its errors, and what happens while it runs."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from service.messages import (
    CandleList,
    ErrorAnswer,
    ForecastAnswer,
    ForecastList,
    ModelList,
    Scoreboard,
)
from tidecast.evaluation.scoring import score

pytestmark = pytest.mark.timeout(180)
"""The first test starts MLflow's store and the service, which takes its time on a busy machine."""


def _steps(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return answer.json()["steps"]


def test_forecast_keeps_the_contract(server) -> None:
    response = server.get("/v1/forecasts/BTC-USD")
    answer = ForecastAnswer.model_validate_json(response.content)
    assert response.headers["content-type"] == "application/json"
    assert (answer.symbol, answer.interval, answer.source) == ("BTC-USD", "1h", "coinbase:BTC-USD")
    assert (answer.degraded, answer.simulated) == (["replayed data"], True)
    assert answer.trained_at and answer.promoted_at
    assert 0 < answer.data_age_seconds < 2 * 3600
    assert [step.step for step in answer.steps] == list(range(1, 25))
    for step in answer.steps:
        assert step.target_time == answer.cutoff + step.step * timedelta(hours=1)
        assert list(step.quantiles) == ["0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"]
        assert list(step.quantiles.values()) == sorted(step.quantiles.values())
    assert '"cutoff":"2025-01-2' in response.text
    assert response.text.count("Z") >= 25


def test_forecast_is_the_one_that_is_logged(server, installation, market) -> None:
    answer = server.get("/v1/forecasts/BTC-USD", levels="0.005,0.5").json()
    logged = installation.store.forecasts.newest(market).forecast
    assert [step["mean"] for step in answer["steps"]] == logged.mean.tolist()
    lowest = [step["quantiles"]["0.005"] for step in answer["steps"]]
    assert lowest == logged.quantiles[:, 0].tolist()


def test_subset_has_the_rows_of_the_default(server) -> None:
    whole = _steps(server.get("/v1/forecasts/BTC-USD"))
    part = _steps(server.get("/v1/forecasts/BTC-USD", horizon=3, levels="0.95,0.05"))
    assert part == [
        {**row, "quantiles": {name: row["quantiles"][name] for name in ("0.05", "0.95")}}
        for row in whole[:3]
    ]


def test_post_answers_as_get(server) -> None:
    body = {"symbol": "BTC-USD", "interval": "1h", "horizon": 2, "levels": [0.5]}
    posted = server.post(body)
    assert posted.headers["content-type"] == "application/json"
    got = _steps(server.get("/v1/forecasts/BTC-USD", horizon=2, levels="0.5"))
    assert _steps(posted) == got


def test_all_markets_are_listed_with_what_is_missing(server) -> None:
    listed = ForecastList.model_validate_json(server.get("/v1/forecasts").content)
    assert [answer.symbol for answer in listed.forecasts] == ["BTC-USD"]
    assert [missing.symbol for missing in listed.missing] == ["ETH-USD", "SOL-USD"]


def test_stale_data_are_not_served_and_the_reason_is_told(server) -> None:
    response = server.get("/v1/forecasts/ETH-USD")
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "candles ago, served are at most 24" in response.json()["error"]["message"]


def test_market_without_champion_says_so(server) -> None:
    message = server.wait(lambda: _message(server.get("/v1/forecasts/SOL-USD"), "no champion"))
    assert message == (
        "no forecast of SOL-USD:1h: no candle in the store yet; no champion promoted yet"
    )


def _message(response: requests.Response, needle: str) -> str | None:
    message = response.json()["error"]["message"]
    return message if needle in message else None


def test_candles_are_those_of_the_store(server, frames: Callable) -> None:
    start = frames(600).index[10]
    response = server.get("/v1/candles/BTC-USD", start=start.isoformat()[:19] + "Z", limit=5)
    listed = CandleList.model_validate_json(response.content)
    assert len(listed.candles) == 5
    assert (listed.truncated, listed.sources) == (True, ["coinbase:BTC-USD"])
    end = (start + timedelta(hours=2)).isoformat()[:19] + "Z"
    whole = server.get("/v1/candles/BTC-USD", start=start.isoformat()[:19] + "Z", end=end).json()
    assert [candle["close"] for candle in whole["candles"]] == frames(600)["close"][10:12].tolist()


def test_scores_stand_beside_the_random_walk(
    server, installation, market, frames: Callable
) -> None:
    logged = installation.store.forecasts.newest(market)
    later = frames(640)
    installation.store.scores.add(score(logged.forecast, range(1, 25), later))
    board = server.wait(lambda: _filled(server), seconds=10)
    assert (board.n, len(board.steps)) == (24, 24)
    assert board.since == logged.forecast.cutoff
    assert all(step.n == 1 and step.crps > 0 < step.baseline_crps for step in board.steps)


def _filled(server) -> Scoreboard | None:
    board = Scoreboard.model_validate_json(server.get("/v1/scores/BTC-USD").content)
    return board if board.n else None


def test_models_show_champion_and_history(server) -> None:
    listed = ModelList.model_validate_json(server.get("/v1/models").content)
    bitcoin = listed.markets[0]
    assert bitcoin.champion == bitcoin.serving == bitcoin.history[0].version
    assert [market.champion for market in listed.markets[1:]] == ["1", None]


def test_readiness_says_per_market_what_is_missing(server) -> None:
    server.wait(lambda: "no champion" in server.get("/readyz").text)
    markets = server.get("/readyz").json()["markets"]
    assert [(market["ready"], market["missing"]) for market in markets] == [
        (True, None),
        (True, None),
        (False, "no candle in the store yet; no champion promoted yet"),
    ]
    assert server.get("/livez").json() == {"alive": True}


def test_metrics_show_ages_model_and_requests(server) -> None:
    server.get("/v1/forecasts/BTC-USD")
    text = server.get("/metrics").text
    for expected in (
        'tidecast_newest_candle_age_seconds{market="BTC-USD:1h"}',
        'tidecast_snapshot_age_seconds{market="BTC-USD:1h"}',
        'tidecast_model_info{market="ETH-USD:1h",version="1"} 1.0',
        'route="/v1/forecasts/{symbol}"',
        "process_resident_memory_bytes",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/forecasts/DOGE-USD", 404, "symbol"),
        ("/v1/forecasts/%F0%9F%98%80", 404, "symbol"),
        ("/v1/forecasts/BTC-USD?interval=2h", 400, "interval"),
        ("/v1/forecasts/BTC-USD?interval=1d", 404, "interval"),
        ("/v1/forecasts/BTC-USD?horizon=0", 400, "horizon"),
        ("/v1/forecasts/BTC-USD?horizon=25", 400, "horizon"),
        ("/v1/forecasts/BTC-USD?horizon=1000000000", 400, "horizon"),
        ("/v1/forecasts/BTC-USD?horizon=%F4", 400, "horizon"),
        ("/v1/forecasts/BTC-USD?levels=0.5,0.5", 400, "levels"),
        ("/v1/forecasts/BTC-USD?levels=nan", 400, "levels"),
        ("/v1/forecasts/BTC-USD?levels=", 400, "levels"),
        ("/v1/forecasts/BTC-USD?steps=3", 400, "steps"),
        ("/v1/forecasts/BTC-USD?horizon=1&horizon=2", 400, "horizon"),
        ("/v1/candles/BTC-USD?limit=1001", 400, "limit"),
        ("/v1/candles/BTC-USD?start=yesterday", 400, "start"),
        ("/v1/scores/DOGE-USD", 404, "symbol"),
        ("/nothing/here", 404, None),
    ],
)
def test_bad_request_names_the_field_and_what_it_may_be(
    server, path: str, status: int, field: str | None
) -> None:
    response = server.get(path)
    error = ErrorAnswer.model_validate_json(response.content).error
    assert (response.status_code, error.field) == (status, field)
    assert error.allowed or field is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"symbol": "BTC-USD", "horizon": 99}', 400, "horizon"),
        ('{"symbol": "DOGE-USD"}', 404, "symbol"),
        ('{"symbol": "BTC-USD", "levels": [NaN]}', 400, "levels"),
        ('{"symbol": "BTC-USD", "extra": 1}', 400, "extra"),
        ('{"symbol": "BTC-USD", "horizon": "1"}', 400, "horizon"),
        ('{"symbol"', 400, "body"),
        ("", 400, "symbol"),
        (b"\x80\x81", 400, "body"),
        ("x" * 100_000, 413, "body"),
    ],
)
def test_bad_body_names_the_field_and_what_it_may_be(
    server, body: str | bytes, status: int, field: str
) -> None:
    response = server.post(body)
    error = ErrorAnswer.model_validate_json(response.content).error
    assert (response.status_code, error.field) == (status, field)
    assert error.allowed


def test_fault_of_a_caller_leaves_no_error_in_the_log(server) -> None:
    before = len(server.log.read_bytes())
    assert server.post("{").status_code == 400
    assert server.get("/v1/forecasts/BTC-USD?horizon=99").status_code == 400
    text = server.log.read_bytes()[before:].decode()
    assert "Traceback" not in text
    assert not [line for line in text.splitlines() if '"level": "error"' in line]


@contextmanager
def _asking(url: str) -> Iterator[list[tuple[int, str]]]:
    """Asks for forecasts all the while; collects status and model version."""
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                response = session.get(f"{url}/v1/forecasts/BTC-USD?horizon=1", timeout=5)
                seen.append((response.status_code, response.json().get("model_version")))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_champion_is_swapped_without_a_failed_request(server, installation) -> None:
    with _asking(server.url) as seen:
        server.wait(lambda: seen)
        for version in ("2", "1", "2"):
            installation.promote(version)
            server.wait(lambda v=version: seen[-1][1] == v, seconds=10)
    versions = [version for _, version in seen]
    changes = [b for a, b in zip(versions, versions[1:], strict=False) if a != b]
    assert changes[-3:] == ["2", "1", "2"]
    assert {status for status, _ in seen} == {200}


def test_broken_champion_is_refused_while_the_old_one_serves(
    server, installation, register, frames: Callable, market
) -> None:
    from tidecast.models.baselines import RandomWalk

    table = RandomWalk.fit(frames(600), "1h", 24).table * float("nan")
    serving = server.get("/v1/forecasts/BTC-USD").json()["model_version"]
    version = register(installation.registry, RandomWalk("1h", 24, table), market)
    with _asking(server.url) as seen:
        installation.promote(version)
        reasons = server.wait(lambda: _refusal(server, version), seconds=10)
    assert "goes on serving" in reasons
    assert set(seen) == {(200, serving)}
    installation.promote(serving)
    server.wait(lambda: _degraded(server) == ["replayed data"], seconds=10)


def _degraded(server) -> list[str]:
    return server.get("/v1/forecasts/BTC-USD", horizon=1).json()["degraded"]


def _refusal(server, version: str) -> str | None:
    return next((why for why in _degraded(server) if f"champion {version} refused" in why), None)


def test_new_candle_is_forecast_from_in_time(server, installation, frames: Callable) -> None:
    before = server.get("/v1/forecasts/BTC-USD", horizon=1).json()["cutoff"]
    installation.add_candles(frames(601))
    server.wait(
        lambda: server.get("/v1/forecasts/BTC-USD", horizon=1).json()["cutoff"] > before,
        seconds=10,
    )


def test_service_without_a_store_starts_then_answers_as_before_and_ends_cleanly(
    server, installation, tmp_path
) -> None:
    copy = tmp_path / "tidecast.db"
    copy.mkdir()
    second = installation.serve(
        BENTOML_HOME=str(tmp_path / "bentoml"), TIDECAST_DATABASE_URL=f"sqlite:///{copy}"
    )
    second.wait(lambda: "store unavailable" in second.get("/readyz").text)
    assert second.get("/readyz").status_code == 503
    assert second.get("/v1/candles/BTC-USD").status_code == 503
    copy.rmdir()
    _copy_database(installation.home / "tidecast.db", copy)
    second.wait_ready()
    answer = second.get("/v1/forecasts/BTC-USD")
    assert _steps(answer) == _steps(server.get("/v1/forecasts/BTC-USD"))
    assert second.stop() == 0


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
