import pytest


def test_forecast_json_has_the_shape_of_the_service(home):
    answer = home.json("forecast", "BTC-USD")
    assert (answer["symbol"], answer["interval"], len(answer["steps"])) == ("BTC-USD", "1h", 24)
    assert answer["cutoff"] == "2019-06-01T00:00:00Z"
    assert answer["source"] == "replay:BTC-USD"
    assert answer["simulated"] is True
    assert "replayed data" in answer["degraded"]
    assert list(answer["steps"][0]["quantiles"]) == [
        "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95",
    ]  # fmt: skip


def test_forecast_takes_horizon_and_levels(home):
    answer = home.json("forecast", "BTC-USD:1h", "--horizon", "3", "--levels", "0.01,0.99")
    assert [list(step["quantiles"]) for step in answer["steps"]] == [["0.01", "0.99"]] * 3


def test_forecast_prints_table_fan_and_facts(home):
    result = home.run("forecast", "BTC-USD", "--horizon", "2")
    assert result.exit_code == 0
    for words in ("replayed data", "01 Jun 02:00", "━ median", "░ 95% band", "model version 1"):
        assert words in result.stdout


def test_forecast_draws_a_png(home, tmp_path):
    result = home.run("forecast", "BTC-USD", "--png", str(tmp_path / "fan.png"))
    assert result.exit_code == 0
    assert (tmp_path / "fan.png").read_bytes().startswith(b"\x89PNG")


def test_forecast_is_not_logged_as_served(home):
    home.run("forecast", "BTC-USD")
    with home.store() as store:
        assert store.forecasts.newest(store.candles.markets()[0]) is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["DOGE-USD"], 2, "allowed: BTC-USD:1h"),
        (["BTC-USD", "--horizon", "25"], 2, "allowed: 1..24"),
        (["BTC-USD", "--levels", "0.123"], 2, "0.123"),
        (["BTC-USD", "--levels", "many"], 2, "not numbers"),
        (["BTC-USD", "--url", "http://127.0.0.1:9"], 69, "no service answers"),
    ],
)
def test_forecast_says_what_is_wrong_with_the_question(home, arguments, code, words):
    result = home.run("forecast", *arguments)
    assert result.exit_code == code
    assert words in result.stderr


def test_forecast_without_candles_says_what_to_do(empty_home):
    result = empty_home.run("forecast", "BTC-USD")
    assert result.exit_code == 69
    assert "tidecast ingest BTC-USD:1h" in result.stderr
