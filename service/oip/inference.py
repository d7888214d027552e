"""From input tensors to an answer of the data plane, and from that to output tensors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dataplane import Answer, DataPlane
from service.oip.signature import INPUTS, MODEL, OUTPUTS
from service.oip.tensors import Tensor, read_values
from service.refusals import UnknownModel
from service.snapshot import Snapshot
from tidecast.errors import InvalidParameter
from tidecast.forecasts import LEVELS
from tidecast.timeframes import format_rfc3339

LEVELS_FIELD = "levels"
"""What the data plane calls the input ``quantile_levels``."""


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


class Inference:
    """The protocol's questions, put to the data plane."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def ready(self) -> bool:
        """Whether at least one market has a forecast."""
        return self._plane.readiness().ready

    def versions(self) -> list[str]:
        """Versions that serve now, in any market, oldest first."""
        serving = {
            market.model_version
            for market in self._plane.readiness().markets
            if market.model_version is not None
        }
        return sorted(serving, key=lambda version: (len(version), version))

    def check_model(self, model: str, version: str) -> None:
        """Refuse what is neither our model nor, unless it is empty, a version that serves.

        Raises:
            UnknownModel: it is none.
        """
        if model != MODEL:
            raise UnknownModel(f"no model {model[:40]!r}", field="model_name", allowed=[MODEL])
        if version and version not in (serving := self.versions()):
            raise UnknownModel(
                f"version {version[:40]!r} serves no market",
                field="model_version",
                allowed=serving,
            )

    def infer(self, model: str, version: str, tensors: Iterable[Tensor]) -> Answer:
        """The answer to an inference.

        Args:
            model: name of the model.
            version: empty for the one that serves.
            tensors: the inputs, in any order.

        Raises:
            UnknownModel: it is not ours, or the version does not serve the market.
            UnknownMarket: the market is not configured.
            InvalidParameter: a tensor is wrong.
            ForecastUnavailable: there is no forecast.
        """
        if model != MODEL or version:
            self.check_model(model, version)
        answer = self._forecast(_arguments(tensors))
        serving = answer.snapshot.forecast.model_version
        if version and version != serving:
            raise UnknownModel(
                f"version {version} does not serve {answer.snapshot.forecast.market}",
                field="model_version",
                allowed=[serving],
            )
        return answer

    def _forecast(self, arguments: Mapping[str, Any]) -> Answer:
        try:
            return self._plane.forecast(**arguments)
        except InvalidParameter as error:
            if error.field != LEVELS_FIELD:
                raise
            raise InvalidParameter(
                str(error), field="quantile_levels", allowed=error.allowed
            ) from error


def _arguments(tensors: Iterable[Tensor]) -> dict[str, Any]:
    """What to ask the data plane."""
    found: dict[str, Any] = {}
    for tensor in tensors:
        spec = INPUTS.get(tensor.name)
        if spec is None:
            raise InvalidParameter(
                f"unknown input {tensor.name[:40]!r}", field="inputs", allowed=list(INPUTS)
            )
        if spec.name in found:
            raise InvalidParameter(
                f"input {spec.name} stands there twice", field=spec.name, allowed="once"
            )
        found[spec.name] = read_values(tensor, spec)
    for spec in INPUTS.values():
        if spec.required and spec.name not in found:
            raise InvalidParameter(
                f"input {spec.name} is missing", field="inputs", allowed=list(INPUTS)
            )
    levels = found.pop("quantile_levels", None)
    arguments = {name: values[0] for name, values in found.items()}
    return arguments if levels is None else {**arguments, LEVELS_FIELD: levels}


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
