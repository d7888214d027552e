"""A forecast as the command shows it, wherever it came from."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tidecast.forecasts import Forecast
from tidecast.lifecycle.recompute import Recomputation


@dataclass(frozen=True)
class View:
    """What is shown.

    Attributes:
        answer_json: the answer of the service, or what it would answer.
        forecast: the same with all levels.
        history: candle frame up to the cutoff.
        recomputation: for a published forecast that was computed again.
    """

    answer_json: str
    forecast: Forecast
    history: pd.DataFrame
    recomputation: Recomputation | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """The answer as an object."""
        parsed: dict[str, Any] = json.loads(self.answer_json)
        return parsed

    @property
    def title(self) -> str:
        """Headline; says when the data are replayed."""
        replayed = ", replayed data" if self.answer["simulated"] else ""
        return f"{self.forecast.market} forecast of {self.answer['cutoff']}{replayed}"
