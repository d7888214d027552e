"""Protobuf messages of what the data plane answers.

A serialised message behind another one merges into it. So what stays the same for as long as a
forecast is served is serialised once, and each answer only puts its moment behind it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.error_table import Fault
from service.proto import forecast_pb2 as pb
from service.snapshot import Snapshot
from tidecast.forecasts import LEVELS, Floats
from tidecast.timeframes import Market

LENGTH_DELIMITED = 2
RESULTS, RESULT_FORECAST, RESULT_ERROR = 1, 1, 2
"""Field numbers of a batch's answer and of one result in it."""


@dataclass(frozen=True, eq=False)
class ForecastFacts:
    """What of a snapshot goes over gRPC: arrays, no text.

    Attributes:
        mean: shape ``(horizon,)``, prices.
        quantiles: shape ``(horizon, len(LEVELS))``, prices.
        reasons: what is wrong with the forecast for as long as it is served.
    """

    market: Market
    cutoff: datetime
    mean: Floats
    quantiles: Floats
    target_times: tuple[datetime, ...]
    source: str
    model_version: str
    trained_at: datetime | None
    promoted_at: datetime | None
    simulated: bool
    reasons: tuple[str, ...]


def facts_of(snapshot: Snapshot) -> ForecastFacts:
    """The facts of a snapshot."""
    forecast = snapshot.forecast
    return ForecastFacts(
        market=forecast.market,
        cutoff=forecast.cutoff,
        mean=forecast.mean,
        quantiles=forecast.quantiles,
        target_times=tuple(forecast.target_times),
        source=snapshot.logged.source,
        model_version=forecast.model_version,
        trained_at=snapshot.origin.trained_at,
        promoted_at=snapshot.origin.title.promoted_at,
        simulated=snapshot.logged.simulated,
        reasons=snapshot.reasons,
    )


def lasting_part(facts: ForecastFacts, steps: int, levels: tuple[int, ...]) -> bytes:
    """All of a ``ForecastResponse`` that does not depend on the moment.

    Args:
        facts: what is forecast.
        steps: how many, from the first on.
        levels: positions in ``LEVELS``, ascending.
    """
    quantiles = facts.quantiles[:steps, levels].tolist()
    rows = zip(facts.target_times, facts.mean[:steps].tolist(), quantiles, strict=False)
    response = pb.ForecastResponse(
        symbol=facts.market.symbol,
        interval=facts.market.interval,
        cutoff=facts.cutoff,
        source=facts.source,
        model_version=facts.model_version,
        trained_at=facts.trained_at,
        promoted_at=facts.promoted_at,
        simulated=facts.simulated,
        levels=[LEVELS[position] for position in levels],
        steps=[
            pb.ForecastStep(step=step, target_time=target_time, mean=mean, quantiles=prices)
            for step, (target_time, mean, prices) in enumerate(rows, start=1)
        ],
    )
    return response.SerializeToString()


def passing_part(data_age_seconds: float, degraded: Sequence[str]) -> bytes:
    """The rest of a ``ForecastResponse``."""
    moment = pb.ForecastResponse(data_age_seconds=data_age_seconds, degraded=degraded)
    return moment.SerializeToString()


def error_part(fault: Fault) -> bytes:
    """The ``Error`` of one result in a batch."""
    allowed = [fault.allowed] if isinstance(fault.allowed, str) else fault.allowed
    return pb.Error(
        code=fault.code,
        message=fault.message,
        field=fault.field,
        allowed=allowed,
        correlation_id=fault.correlation_id,
    ).SerializeToString()


def batch(results: Iterable[tuple[int, bytes]]) -> bytes:
    """A ``BatchForecastResponse``.

    Args:
        results: for each request ``RESULT_FORECAST`` or ``RESULT_ERROR`` with its message.
    """
    parts = (_field(RESULTS, _field(kind, message)) for kind, message in results)
    return b"".join(parts)


def _field(number: int, content: bytes) -> bytes:
    """A field that holds a serialised message; its number must be below 16."""
    return bytes((number << 3 | LENGTH_DELIMITED,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
