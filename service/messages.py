"""The bodies that go over HTTP. They describe and check; the fast answers are written as bytes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

INTERVALS: list[Any] = ["5m", "1h", "1d"]
Symbol = Annotated[str, Field(examples=["BTC-USD"], description="Canonical symbol, BASE-QUOTE.")]
Interval = Annotated[
    str,
    Field(
        examples=["1h"], description="Length of a candle.", json_schema_extra={"enum": INTERVALS}
    ),
]
Time = Annotated[datetime, Field(examples=["2025-01-31T10:00:00Z"])]
Price = Annotated[float, Field(gt=0, examples=[104250.25], description="Quote currency.")]


def whole(value: Any) -> Any:
    """JSON knows no difference between 24 and 24.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Message(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ForecastRequest(BaseModel):
    """Body of POST /forecast. No type is bent: ``"24"`` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    symbol: Symbol
    """Canonical symbol of a configured market."""
    interval: Literal["5m", "1h", "1d"] = "1h"
    """Length of a candle."""
    horizon: Annotated[int, BeforeValidator(whole), Field(ge=1, examples=[24])] | None = None
    """Steps wanted; all of them when it is left out."""
    levels: Annotated[list[float], Field(min_length=1, examples=[[0.05, 0.5, 0.95]])] | None = None
    """Quantile levels wanted, each once; the default levels when it is left out."""


class ForecastStep(Message):
    """Price distribution at one step."""

    step: Annotated[int, Field(ge=1, examples=[1])]
    """1 is one interval after the cutoff."""
    target_time: Time
    """End of the candle whose close is forecast, UTC."""
    mean: Price
    """Mean of the price distribution."""
    quantiles: Annotated[dict[str, Price], Field(examples=[{"0.05": 103800.5, "0.95": 104700.0}])]
    """Price by quantile level."""


class ForecastAnswer(Message):
    """The forecast of one market, and how old and how sound what it stands on is."""

    symbol: Symbol
    interval: Interval
    cutoff: Time
    """Last instant known to the model: the end of the newest closed candle, UTC."""
    data_age_seconds: Annotated[float, Field(examples=[1843.2])]
    """Time from the cutoff to this answer, seconds; it may lag behind by one."""
    source: Annotated[str, Field(examples=["coinbase:BTC-USD"])]
    """Exchange and its pair that the newest candle came from."""
    model_version: Annotated[str, Field(examples=["7"])]
    """Version of the model in the registry."""
    trained_at: Time | None
    """When the model was fitted, UTC."""
    promoted_at: Time | None
    """When the model became champion, UTC."""
    degraded: Annotated[list[str], Field(examples=[[]])]
    """What is wrong with this answer; empty when nothing is."""
    simulated: bool
    """True when candles or clock are replayed and not of today."""
    steps: list[ForecastStep]
    """One entry a step, nearest first."""


class MissingForecast(Message):
    """A market that cannot be served now."""

    symbol: Symbol
    interval: Interval
    reason: str
    """What is missing."""


class ForecastList(Message):
    """The forecasts of all markets."""

    forecasts: list[ForecastAnswer]
    missing: list[MissingForecast]
    """Markets without a forecast."""


class Candle(Message):
    """One closed candle."""

    open_time: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Annotated[float, Field(ge=0, examples=[12.5])]
    """Base currency."""


class CandleList(Message):
    """Closed candles, oldest first; missing ones are missing."""

    symbol: Symbol
    interval: Interval
    sources: list[str]
    """Where the candles came from, newest first."""
    truncated: bool
    """True when older candles of the range were left out because of the limit."""
    candles: list[Candle]


class Coverage(Message):
    """Share of realised prices inside the central bands; a sound 90 % band has 0.9."""

    band_50: float
    band_80: float
    band_90: float
    band_95: float


class StepScores(Message):
    """How one step fared, beside the random walk on the same hours."""

    step: int
    n: int
    """Scored forecasts."""
    error: float
    """Mean absolute log-return error of the forecast's mean."""
    baseline_error: float
    """The same of the random walk."""
    mase: float | None
    """error / baseline_error; below 1 is better than the random walk."""
    crps: float
    """Mean CRPS, log return."""
    baseline_crps: float
    """The same of the random walk with historical simulation."""
    crps_ratio: float | None
    """crps / baseline_crps; below 1 is better than the random walk."""
    width_90: float
    """Mean width of the central 90 % band, log return."""
    coverage: Coverage


class Scoreboard(Message):
    """Live scores of the forecasts that were served."""

    symbol: Symbol
    interval: Interval
    since: Time | None
    """Cutoff of the oldest forecast counted, UTC."""
    until: Time | None
    """Cutoff of the newest forecast counted, UTC."""
    n: int
    """Scored pairs of forecast and step."""
    model_versions: list[str]
    """Versions that made the forecasts counted."""
    simulated: bool
    """True when candles or clock are replayed and not of today."""
    steps: list[StepScores]


class PromotionRecord(Message):
    """One line of the promotion history."""

    version: str
    previous: str | None
    at: Time
    by: str
    reason: str
    forced: bool
    """True when a person went past the gate."""


class MarketModels(Message):
    """The models of one market."""

    symbol: Symbol
    interval: Interval
    champion: str | None
    """Version that is promoted."""
    previous: str | None
    """Version before it: where a rollback leads."""
    serving: str | None
    """Version that answers now; differs from the champion when that one was refused."""
    trained_at: Time | None
    promoted_at: Time | None
    history: list[PromotionRecord]
    """Newest first."""


class ModelList(Message):
    """The models of all markets."""

    markets: list[MarketModels]


class MarketReadiness(Message):
    """Whether one market can be served, and what is missing if not."""

    symbol: Symbol
    interval: Interval
    ready: bool
    missing: str | None
    cutoff: Time | None
    model_version: str | None


class Readiness(Message):
    """Whether at least one market can be served."""

    ready: bool
    draining: bool = False
    """True when the process is about to end: it answers, and wants no new connections."""
    markets: list[MarketReadiness]


class ErrorBody(Message):
    """What was wrong."""

    code: Annotated[str, Field(examples=["invalid_parameter"])]
    """One word for programs."""
    message: Annotated[str, Field(examples=["horizon 99 is out of range"])]
    """One sentence for people."""
    field: Annotated[str | None, Field(examples=["horizon"])] = None
    """The field at fault."""
    allowed: Annotated[str | list[str] | None, Field(examples=["1..24"])] = None
    """What the field may be."""
    correlation_id: str | None = None
    """Under an unexpected error: what to look for in the log."""


class ErrorAnswer(Message):
    """The one shape of every error."""

    error: ErrorBody


def dump(message: BaseModel) -> bytes:
    """JSON bytes of a message."""
    return message.__pydantic_serializer__.to_json(message)
