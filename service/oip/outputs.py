"""From an answer of the data plane to output tensors and parameters, for both transports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.dataplane import Answer
from service.oip.signature import OUTPUTS
from service.snapshot import Snapshot
from tidecast.errors import InvalidParameter
from tidecast.forecasts import LEVELS
from tidecast.timeframes import format_rfc3339


@dataclass(frozen=True, slots=True)
class Output:
    """An output tensor.

    Attributes:
        values: row-major.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[int] | Sequence[float]


def wanted_outputs(names: Sequence[str]) -> tuple[str, ...]:
    """The outputs to answer with, in the order asked; all when none is named.

    Raises:
        InvalidParameter: one is unknown or stands there twice.
    """
    for name in names:
        if name not in OUTPUTS:
            raise InvalidParameter(
                f"unknown output {name[:40]!r}", field="outputs", allowed=list(OUTPUTS)
            )
    if len(set(names)) < len(names):
        raise InvalidParameter("an output stands there twice", field="outputs", allowed="once")
    return tuple(names) or tuple(OUTPUTS)


def outputs_of(answer: Answer, names: Sequence[str]) -> list[Output]:
    """The output tensors of these names; prices keep every bit."""
    forecast, steps, levels = answer.snapshot.forecast, answer.steps, list(answer.levels)
    times = [int(target.timestamp()) * 1000 for target in forecast.target_times[:steps]]
    quantiles = forecast.quantiles[:steps, levels].ravel().tolist()
    shaped: dict[str, tuple[tuple[int, ...], Sequence[Any]]] = {
        "timestamps": ((steps,), times),
        "mean": ((steps,), forecast.mean[:steps].tolist()),
        "quantiles": ((steps, len(levels)), quantiles),
        "quantile_levels": ((len(levels),), [LEVELS[position] for position in levels]),
    }
    return [Output(name, OUTPUTS[name].datatype, *shaped[name]) for name in names]


def lasting_parameters(snapshot: Snapshot) -> dict[str, str | bool]:
    """Response parameters that stay for as long as the snapshot; unknown times are left out."""
    forecast, origin = snapshot.forecast, snapshot.origin
    times = {"trained_at": origin.trained_at, "promoted_at": origin.title.promoted_at}
    return {
        "symbol": forecast.market.symbol,
        "interval": forecast.market.interval,
        "cutoff": format_rfc3339(forecast.cutoff),
        "model_version": forecast.model_version,
        **{name: format_rfc3339(at) for name, at in times.items() if at is not None},
        "source": snapshot.logged.source,
        "simulated": snapshot.logged.simulated,
    }


def degraded_text(answer: Answer) -> str:
    """The reasons as one parameter; empty when nothing is wrong."""
    return "; ".join(answer.degraded)
