"""From input tensors to an answer of the data plane, for both transports."""

from collections.abc import Iterable
from typing import Any

from service.dataplane import Answer, DataPlane
from service.oip.signature import INPUTS, MODEL
from service.oip.tensors import Tensor, read_values
from service.refusals import UnknownModel
from tidecast.errors import InvalidParameter

LEVELS_FIELD = "levels"
"""What the data plane calls the input ``quantile_levels``."""
KEPT_ANSWERS = 256
"""Different questions whose answer is given again for as long as it is current."""

Question = tuple[tuple[str, Any], ...]
"""Arguments of the data plane by their name."""


class Inference:
    """The protocol's questions, put to the data plane."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._answers: dict[Question, Answer] = {}

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
        answer = self._forecast(_question(tensors))
        serving = answer.snapshot.forecast.model_version
        if version and version != serving:
            raise UnknownModel(
                f"version {version} does not serve {answer.snapshot.forecast.market}",
                field="model_version",
                allowed=[serving],
            )
        return answer

    def _forecast(self, question: Question) -> Answer:
        answer = self._answers.get(question)
        if answer is None or not self._plane.is_current(answer):
            answer = self._ask(question)
            if len(self._answers) >= KEPT_ANSWERS:
                self._answers.clear()
            self._answers[question] = answer
        return answer

    def _ask(self, question: Question) -> Answer:
        try:
            return self._plane.forecast(**dict(question))
        except InvalidParameter as error:
            if error.field != LEVELS_FIELD:
                raise
            raise InvalidParameter(
                str(error), field="quantile_levels", allowed=error.allowed
            ) from error


def _question(tensors: Iterable[Tensor]) -> Question:
    """What to ask the data plane."""
    found: dict[str, list[Any]] = {}
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
    return tuple(
        (LEVELS_FIELD, tuple(values)) if name == "quantile_levels" else (name, values[0])
        for name, values in found.items()
    )
