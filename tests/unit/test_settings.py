import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy import make_url

from tidecast.errors import ConfigurationError, UnknownMarket
from tidecast.settings import Settings, load_settings, sqlite_url

DEFAULTS = {
    "home_dir": ".tidecast",
    "database_url": None,
    "mlflow_tracking_uri": None,
    "config_file": None,
    "log_level": "info",
    "log_format": "json",
    "horizon": 24,
    "default_levels": [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95],
    "clock": {"simulated_at": None, "real_at": None, "speed": 1.0},
    "ingestion": {
        "history_days": 760,
        "min_history_candles": 1700,
        "timeout_seconds": 10.0,
        "max_attempts": 4,
        "backoff_seconds": 0.5,
        "max_retry_after_seconds": 60.0,
        "max_disagreement_ratio": 0.02,
        "overlap_candles": 3,
        "replay_url": "http://127.0.0.1:8765",
        "fear_greed": True,
        "cryptocompare_api_key": None,
        "coincap_api_key": None,
        "coinpaprika_api_key": None,
    },
    "training": {
        "train_days": 730,
        "min_train_candles": 1300,
        "judge_candles": 336,
        "seed": 7,
        "threads": 1,
        "nice": 19,
        "timeout_seconds": 900.0,
        "gate_min_t": 1.65,
        "search_trials": 0,
        "search_seconds": 600.0,
    },
    "service": {
        "host": "127.0.0.1",
        "port": 3000,
        "max_staleness_candles": 24.0,
        "degraded_after_candles": 2.0,
        "poll_seconds": 0.25,
        "registry_poll_seconds": 2.0,
        "max_candles_per_answer": 1000,
        "max_inflight_requests": 64,
        "max_body_bytes": 65536,
        "max_header_bytes": 16384,
        "slow_client_seconds": 10.0,
        "grpc_port": 50051,
        "grpc_max_connection_age_seconds": 300.0,
        "max_watchers": 1000,
        "grpc_certificate_file": None,
        "grpc_private_key_file": None,
        "api_keys": {},
        "api_keys_file": None,
        "requests_per_second_per_key": None,
        "cors_allowed_origins": [],
        "drain_seconds": 20.0,
    },
    "monitoring": {
        "poll_seconds": 1.0,
        "window_candles": 168,
        "min_scored": 24,
        "max_mase": 1.5,
        "max_crps_ratio": 1.1,
        "min_t": 2.5,
        "consecutive_rounds": 2,
        "rearm_ratio": 1.02,
        "cooldown_candles": 24,
        "max_model_age_days": 30.0,
        "max_psi": 0.5,
        "reference_candles": 2160,
        "alert_urls": [],
        "alert_topic_arn": None,
        "kubernetes": {
            "training_cronjob": None,
            "lease": None,
            "lease_seconds": 30.0,
            "namespace": None,
            "identity": None,
            "metrics_port": None,
        },
    },
}


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("TIDECAST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _with_yaml(monkeypatch, tmp_path, text):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    monkeypatch.setenv("TIDECAST_CONFIG_FILE", str(path))


def test_settings_defaults_are_pinned():
    assert json.loads(load_settings().model_dump_json(exclude={"markets"})) == DEFAULTS


def test_settings_markets_default_to_three_hourly_dollar_markets_with_three_sources():
    pairs = {
        str(one.market): [(source.exchange, source.pair) for source in one.sources]
        for one in load_settings().markets
    }
    assert pairs == {
        "BTC-USD:1h": [("coinbase", "BTC-USD"), ("bitstamp", "btcusd"), ("kraken", "XBTUSD")],
        "ETH-USD:1h": [("coinbase", "ETH-USD"), ("bitstamp", "ethusd"), ("kraken", "ETHUSD")],
        "SOL-USD:1h": [("coinbase", "SOL-USD"), ("bitstamp", "solusd"), ("kraken", "SOLUSD")],
    }


def _undocumented(model, prefix=""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _undocumented(field.annotation, f"{prefix}{name}.")
        elif not field.description:
            yield prefix + name


def test_every_setting_is_documented():
    assert list(_undocumented(Settings)) == []


def test_settings_null_in_the_environment_is_none(monkeypatch):
    monkeypatch.setenv("TIDECAST_SERVICE__GRPC_PORT", "null")
    assert load_settings().service.grpc_port is None


def test_settings_environment_wins_over_the_yaml_file(monkeypatch, tmp_path):
    _with_yaml(monkeypatch, tmp_path, "horizon: 12\nservice: {port: 3001, poll_seconds: 2}\n")
    monkeypatch.setenv("TIDECAST_SERVICE__PORT", "3002")
    settings = load_settings()
    assert (settings.horizon, settings.service.port) == (12, 3002)
    assert settings.service.poll_seconds == 2.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TIDECAST_HORIZON", "0", "TIDECAST_HORIZON: .*greater than or equal to 1"),
        ("TIDECAST_HORIZON", "many", "TIDECAST_HORIZON: .*valid integer"),
        ("TIDECAST_SERVICE__PORT", "99999", "TIDECAST_SERVICE__PORT: .*less than 65536"),
        ("TIDECAST_SERVICE__PROT", "3000", "TIDECAST_SERVICE__PROT: Extra inputs"),
        ("TIDECAST_INGESTION__TIMEOUT_SECONDS", "-1", "TIDECAST_INGESTION__TIMEOUT_SECONDS"),
        ("TIDECAST_LOG_LEVEL", "loud", "TIDECAST_LOG_LEVEL: .*'debug'"),
        ("TIDECAST_DEFAULT_LEVELS", "[0.123]", "TIDECAST_DEFAULT_LEVELS: .*0.123"),
        ("TIDECAST_MARKETS", "[]", "TIDECAST_MARKETS: .*at least 1"),
        ("TIDECAST_MARKETS", "[{", "not JSON.*markets"),
        ("TIDECAST_CLOCK__SIMULATED_AT", "2019-01-01T00:00:00", "SIMULATED_AT: .*timezone"),
    ],
)
def test_settings_bad_value_is_one_line_that_says_which_and_why(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def _market(**changes):
    return {"symbol": "BTC-USD", "sources": [{"exchange": "kraken", "pair": "XBTUSD"}]} | changes


@pytest.mark.parametrize(
    ("markets", "message"),
    [
        ([_market(symbol="BTCUSD")], "BASE-QUOTE"),
        ([_market(sources=[])], "SOURCES: .*at least 1"),
        ([_market(interval="2h")], "INTERVAL"),
        ([_market(sources=[{"exchange": "mtgox", "pair": "X"}])], "EXCHANGE"),
        ([_market(), _market()], "more than once: BTC-USD:1h"),
    ],
)
def test_settings_refuse_a_malformed_market(monkeypatch, markets, message):
    monkeypatch.setenv("TIDECAST_MARKETS", json.dumps(markets))
    with pytest.raises(ConfigurationError, match=message):
        load_settings()


@pytest.mark.parametrize("text", ["horizon: [1\n", "- 1\n", "just words\n"])
def test_settings_refuse_a_broken_yaml_file_in_one_line(monkeypatch, tmp_path, text):
    _with_yaml(monkeypatch, tmp_path, text)
    with pytest.raises(ConfigurationError, match="TIDECAST_CONFIG_FILE") as caught:
        load_settings()
    assert "\n" not in str(caught.value)


def test_settings_refuse_an_unknown_key_in_the_yaml_file(monkeypatch, tmp_path):
    _with_yaml(monkeypatch, tmp_path, "horizn: 1\n")
    with pytest.raises(ConfigurationError, match="TIDECAST_HORIZN"):
        load_settings()


def test_settings_refuse_a_missing_yaml_file(monkeypatch):
    monkeypatch.setenv("TIDECAST_CONFIG_FILE", "/nowhere/settings.yaml")
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings()


def test_settings_default_urls_lie_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TIDECAST_HOME_DIR", "state")
    settings = load_settings()
    assert settings.store_url == f"sqlite:///{tmp_path}/state/tidecast.db"
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/state/mlflow.db"


def test_settings_urls_can_be_named(monkeypatch):
    monkeypatch.setenv("TIDECAST_DATABASE_URL", "postgresql+psycopg://db/tidecast")
    monkeypatch.setenv("TIDECAST_MLFLOW_TRACKING_URI", "http://mlflow:5000")
    settings = load_settings()
    assert settings.store_url == "postgresql+psycopg://db/tidecast"
    assert settings.tracking_uri == "http://mlflow:5000"


def test_settings_find_a_market_and_name_the_others_when_unknown():
    settings = load_settings()
    assert str(settings.market("ETH-USD").market) == "ETH-USD:1h"
    with pytest.raises(UnknownMarket) as caught:
        settings.market("DOGE-USD")
    assert caught.value.allowed == ["BTC-USD:1h", "ETH-USD:1h", "SOL-USD:1h"]


def test_settings_do_not_show_a_key_in_their_text(monkeypatch):
    monkeypatch.setenv("TIDECAST_INGESTION__COINCAP_API_KEY", "s3cret-key")
    assert "s3cret-key" not in repr(load_settings())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1))
def test_sqlite_url_names_the_file_whatever_characters_its_folder_has(name):
    path = Path("/home") / name / "tidecast.db"
    assert make_url(sqlite_url(path)).database == str(path)


def test_settings_home_that_is_not_utf_8_is_refused_with_its_byte(monkeypatch):
    monkeypatch.setenv("TIDECAST_HOME_DIR", os.fsdecode(b"/home/caf\xe9"))
    with pytest.raises(ConfigurationError, match=r"HOME_DIR.*b'\\xe9' in .* is not UTF-8; rename"):
        load_settings()


@pytest.mark.parametrize(
    "origin", ["*", "https://example.com", "http://localhost:8080", "chrome-extension://abc"]
)
def test_allowed_origin_is_read(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("TIDECAST_SERVICE__CORS_ALLOWED_ORIGINS", json.dumps([origin]))
    assert load_settings().service.cors_allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin", ["", "example.com", "https://example.com/", "https://Example.com", "null", "**"]
)
def test_value_that_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("TIDECAST_SERVICE__CORS_ALLOWED_ORIGINS", json.dumps([origin]))
    with pytest.raises(ConfigurationError, match="CORS_ALLOWED_ORIGINS.*such as https://"):
        load_settings()
