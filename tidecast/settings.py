"""Every setting, with its unit and default. Only processes read settings.

Settings come from the environment (prefix ``TIDECAST_``, nested with ``__``), then from the YAML
file named by ``TIDECAST_CONFIG_FILE``, then from the defaults here.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from tidecast.clock import Clock, SimulatedClock, WallClock
from tidecast.errors import ConfigurationError, TidecastError, UnknownMarket
from tidecast.forecasts import LEVELS
from tidecast.timeframes import Market


def _origin(text: str) -> str:
    if re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^/?#@\s,A-Z]+", text) is None:
        raise ValueError(f"{text!r} is not * or an origin such as https://example.com:8080")
    return text


Exchange = Literal[
    "binance",
    "coinbase",
    "kraken",
    "bitstamp",
    "cryptocompare",
    "coincap",
    "coinpaprika",
    "yahoo",
    "replay",
]
Positive = Annotated[float, Field(gt=0)]
PositiveInt = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Origin = Annotated[str, AfterValidator(_origin)]


class Section(BaseModel):
    """A group of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SourceSettings(Section):
    """One place to get the candles of a market from."""

    exchange: Exchange
    """Which adapter asks."""
    pair: str
    """The exchange's own name of the pair; ``source`` in an answer shows it."""


class MarketSettings(Section):
    """One market and its sources, first choice first."""

    symbol: str
    """Canonical symbol, BASE-QUOTE."""
    interval: Literal["5m", "1h", "1d"] = "1h"
    """Length of a candle."""
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    """Ordered list: a source that is down or banned is skipped."""

    @field_validator("symbol")
    @classmethod
    def _canonical(cls, symbol: str) -> str:
        try:
            return Market.parse(f"{symbol}:1h").symbol
        except TidecastError as error:
            raise ValueError(f"{symbol!r} is not BASE-QUOTE, for example BTC-USD") from error

    @property
    def market(self) -> Market:
        """The market as the core knows it."""
        return Market(self.symbol, self.interval)


def _usd_market(base: str, kraken_pair: str) -> MarketSettings:
    sources = (
        SourceSettings(exchange="coinbase", pair=f"{base}-USD"),
        SourceSettings(exchange="bitstamp", pair=f"{base.lower()}usd"),
        SourceSettings(exchange="kraken", pair=kraken_pair),
    )
    return MarketSettings(symbol=f"{base}-USD", sources=sources)


class ClockSettings(Section):
    """A simulated clock, for replays; the wall clock when ``simulated_at`` is None."""

    simulated_at: AwareDatetime | None = None
    """Simulated instant at the anchor, RFC 3339; None means the wall clock."""
    real_at: AwareDatetime | None = None
    """Real instant of the anchor, RFC 3339; needed with ``simulated_at``."""
    speed: Positive = 1.0
    """Simulated seconds per real second."""

    def build(self) -> Clock:
        """The clock these settings describe."""
        if self.simulated_at is None:
            return WallClock()
        if self.real_at is None:
            raise ConfigurationError("TIDECAST_CLOCK__REAL_AT is missing beside SIMULATED_AT")
        return SimulatedClock(self.real_at, self.simulated_at, self.speed)


class IngestionSettings(Section):
    """How candles are fetched."""

    history_days: PositiveInt = 760
    """How far back an empty store is filled, days of candles."""
    min_history_candles: PositiveInt = 1700
    """An empty store is filled with at least so many candles, however many days they take."""
    timeout_seconds: Positive = 10.0
    """Time limit of one HTTP request, for connecting and for each read."""
    max_attempts: PositiveInt = 4
    """HTTP attempts per request before a source counts as down."""
    backoff_seconds: Positive = 0.5
    """Base of the exponential, jittered back-off between attempts."""
    max_retry_after_seconds: Positive = 60.0
    """A longer ``Retry-After`` makes us skip the source for this run."""
    max_disagreement_ratio: Share = 0.02
    """Closes of two sources further apart than this share are flagged."""
    overlap_candles: PositiveInt = 3
    """Newest stored candles asked again on each run, to see revisions."""
    replay_url: str = "http://127.0.0.1:8765"
    """Where the ``replay`` exchange listens."""
    fear_greed: bool = True
    """Whether the daily Fear & Greed index is ingested too."""
    cryptocompare_api_key: SecretStr | None = None
    """Key for CryptoCompare; None leaves the source unusable."""
    coincap_api_key: SecretStr | None = None
    """Key for CoinCap v3; None leaves the source unusable."""
    coinpaprika_api_key: SecretStr | None = None
    """Key for CoinPaprika; None uses the keyless host with its 24 hours of history."""


class TrainingSettings(Section):
    """How a challenger is made and judged."""

    train_days: PositiveInt = 730
    """Length of the training window, days."""
    min_train_candles: PositiveInt = 1300
    """The window reaches back beyond `train_days` where those hold fewer candles than this, or than
    the ensemble needs."""
    judge_candles: PositiveInt = 336
    """Newest candles kept out of the fit; on them challenger, champion and baselines compete.
    A short history keeps out fewer."""
    seed: int = 7
    """Seed of everything random in a fit."""
    threads: PositiveInt = 1
    """Threads of a fit; two on two busy cores spin for each other and took longer."""
    nice: Annotated[int, Field(ge=0, le=19)] = 19
    """Niceness of a training subprocess on one machine."""
    timeout_seconds: Positive = 900.0
    """A training that takes longer is ended."""
    gate_min_t: Positive = 1.65
    """Diebold-Mariano t that a challenger must reach against the champion (1.65: one-sided 5 %)."""
    search_trials: Annotated[int, Field(ge=0)] = 0
    """Trials of a search for boosting parameters before the fit; 0 takes those of the code."""
    search_seconds: Positive = 600.0
    """No trial of a search is begun after so long; keep it well below ``timeout_seconds``."""


class ServiceSettings(Section):
    """The answering service."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(gt=0, lt=65536)] = 3000
    """HTTP port."""
    max_staleness_candles: Positive = 24.0
    """A forecast whose newest candle is older than this many intervals is not served (503)."""
    degraded_after_candles: Positive = 2.0
    """Data older than this many intervals are called stale in ``degraded``."""
    poll_seconds: Positive = 0.25
    """Pause between two looks at the store for a new candle."""
    registry_poll_seconds: Positive = 2.0
    """Pause between two looks at the registry for a new champion."""
    max_candles_per_answer: PositiveInt = 1000
    """Most candles in one answer of /v1/candles."""
    max_inflight_requests: PositiveInt = 64
    """Requests being answered at once, REST and gRPC together; more get 429 at once. REST has at
    most 16 while the event loop is busy all the time."""
    max_body_bytes: PositiveInt = 64 * 1024
    """Largest body of a request, and largest gRPC message that is read."""
    max_header_bytes: PositiveInt = 16 * 1024
    """Largest head of an HTTP request, and largest gRPC metadata."""
    slow_client_seconds: Positive = 10.0
    """A client that takes longer to send a request or to take its answer is cut off."""
    grpc_port: Annotated[int, Field(gt=0, lt=65536)] | None = 50051
    """gRPC port, on the same address; None turns gRPC off."""
    grpc_max_connection_age_seconds: Positive = 300.0
    """gRPC connections are renewed at this age, so that new replicas get their share."""
    max_watchers: PositiveInt = 1000
    """Streams of WatchForecasts at once; they do not count as requests in flight."""
    grpc_certificate_file: Path | None = None
    """PEM certificate chain for TLS on the gRPC port; None serves plain text."""
    grpc_private_key_file: Path | None = None
    """PEM private key of the certificate."""
    api_keys: dict[str, str] = {}
    """API keys: a name and the SHA-256 of the key, 64 hexadecimal digits; empty asks for none."""
    api_keys_file: Path | None = None
    """More API keys, one `name: sha256` a line; read again whenever the file changes."""
    requests_per_second_per_key: Positive | None = None
    """Steady rate that one key may ask at, with a burst of one second; None limits nothing."""
    cors_allowed_origins: tuple[Origin, ...] = ()
    """Origins whose web pages may read the answers over HTTP, such as `https://example.com`, or `*`
    for every origin; empty sends no CORS headers."""
    drain_seconds: Positive = 20.0
    """Longest that gRPC calls in flight may take to end after SIGTERM."""


class KubernetesSettings(Section):
    """The monitor in a Kubernetes cluster; on one machine none of it is set."""

    training_cronjob: str | None = None
    """Suspended CronJob that retraining Jobs are made from; None trains in a subprocess."""
    lease: str | None = None
    """Existing Lease; of several monitors its holder alone decides. None: this one decides."""
    lease_seconds: Annotated[float, Field(ge=3, le=3600)] = 30.0
    """A Lease that was not renewed for so long may be taken over."""
    namespace: str | None = None
    """Namespace of both; None means that of the pod, or of the kubeconfig's context."""
    identity: str | None = None
    """Name of this monitor in the Lease; None means the host name, which is the pod's."""
    metrics_port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    """Port of the monitor's own /metrics on all addresses; None serves none."""


class MonitoringSettings(Section):
    """Scoring, recalibration and the decision to retrain."""

    poll_seconds: Positive = 1.0
    """Pause between two rounds."""
    window_candles: PositiveInt = 168
    """Newest scored cutoffs that a decision looks at."""
    min_scored: PositiveInt = 24
    """Fewer scored cutoffs than this and nothing is decided."""
    max_mase: Positive = 1.5
    """Absolute threshold: mean absolute error over that of the random walk, step 1."""
    max_crps_ratio: Positive = 1.1
    """Relative threshold: CRPS over that of the random walk's distribution, all steps."""
    min_t: Positive = 2.5
    """How many standard errors (HAC) the excess CRPS must be above zero to count as real."""
    consecutive_rounds: PositiveInt = 2
    """Hysteresis: candles in a row on which the threshold must be exceeded."""
    rearm_ratio: Positive = 1.02
    """Hysteresis: after a trigger the CRPS ratio must fall below this before the next one."""
    cooldown_candles: PositiveInt = 24
    """Candles after a retraining in which no other is started."""
    max_model_age_days: Positive | None = 30.0
    """A champion older than this is challenged although its error is fine; None turns it off."""
    max_psi: Positive = 0.5
    """Population stability index above which a feature is reported as drifted."""
    reference_candles: PositiveInt = 2160
    """Candles of the training reference that drift is measured against."""
    alert_urls: tuple[SecretStr, ...] = ()
    """Where alert events are sent, as Apprise URLs: `json://`, `slack://`, `mailtos://`, ..."""
    alert_topic_arn: str | None = None
    """SNS topic that alert events are sent to as well, under the pod's own AWS identity."""
    kubernetes: KubernetesSettings = KubernetesSettings()


class Settings(BaseSettings):
    """All settings of all processes."""

    model_config = SettingsConfigDict(
        env_prefix="TIDECAST_",
        env_nested_delimiter="__",
        env_parse_none_str="null",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home_dir: Path = Path(".tidecast")
    """Folder of everything that is kept on one machine: database, models, logs."""
    database_url: str | None = None
    """SQLAlchemy URL of the store; None means SQLite in ``home_dir``."""
    mlflow_tracking_uri: str | None = None
    """MLflow tracking URI; None means a local store in ``home_dir``."""
    config_file: Path | None = None
    """YAML file with settings, overridden by the environment."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""
    horizon: Annotated[int, Field(ge=1, le=48)] = 24
    """Steps of a forecast."""
    default_levels: tuple[float, ...] = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    """Quantile levels of an answer that names none."""
    markets: Annotated[tuple[MarketSettings, ...], Field(min_length=1)] = (
        _usd_market("BTC", "XBTUSD"),
        _usd_market("ETH", "ETHUSD"),
        _usd_market("SOL", "SOLUSD"),
    )
    """Markets to ingest, train and serve."""
    clock: ClockSettings = ClockSettings()
    ingestion: IngestionSettings = IngestionSettings()
    training: TrainingSettings = TrainingSettings()
    service: ServiceSettings = ServiceSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @field_validator("home_dir")
    @classmethod
    def _text(cls, folder: Path) -> Path:
        try:
            str(folder).encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"byte {os.fsencode(str(folder)[error.start])!r} in {os.fsencode(folder)!r}"
                " is not UTF-8; rename the folder"
            ) from error
        return folder

    @field_validator("default_levels")
    @classmethod
    def _known_levels(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        unknown = sorted(set(levels) - set(LEVELS))
        if unknown or not levels:
            raise ValueError(f"{unknown} are not among the levels of a forecast: 0.01 ... 0.99")
        return tuple(sorted(set(levels)))

    @field_validator("markets")
    @classmethod
    def _named_once(cls, markets: tuple[MarketSettings, ...]) -> tuple[MarketSettings, ...]:
        names = [str(settings.market) for settings in markets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"named more than once: {', '.join(twice)}")
        return markets

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the YAML file."""
        path = os.environ.get("TIDECAST_CONFIG_FILE")
        if path is None:
            return init_settings, env_settings
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, Path(path))

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store."""
        return self.database_url or sqlite_url(self.home_dir.absolute() / "tidecast.db")

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI."""
        return self.mlflow_tracking_uri or sqlite_url(self.home_dir.absolute() / "mlflow.db")

    def market(self, symbol: str, interval: str = "1h") -> MarketSettings:
        """Settings of one market.

        Raises:
            UnknownMarket: it is not configured.
        """
        for settings in self.markets:
            if (settings.symbol, settings.interval) == (symbol, interval):
                return settings
        raise UnknownMarket(
            f"no market {symbol} with interval {interval}",
            field="symbol",
            allowed=[str(settings.market) for settings in self.markets],
        )


def sqlite_url(path: Path) -> str:
    """SQLAlchemy URL of a SQLite file; ``%`` and ``?`` of its path would mean something else."""
    # Processes that only read settings do without SQLAlchemy.
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: one line that says which setting is wrong and why.
    """
    path = os.environ.get("TIDECAST_CONFIG_FILE")
    if path is not None and not Path(path).is_file():
        raise ConfigurationError(f"TIDECAST_CONFIG_FILE: no such file: {path}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"TIDECAST_{name}: {first['msg']}") from error
    except SettingsError as error:
        raise ConfigurationError(f"a TIDECAST_ variable is not JSON: {error}") from error
    except (yaml.YAMLError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"TIDECAST_CONFIG_FILE: not a YAML mapping: {reason}") from error
