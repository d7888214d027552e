"""The script that travels with every logged model, so that MLflow can load it on its own.

Input: recent candles, columns ``open_time`` (UTC, without a zone because MLflow's schema knows
none), open, high, low, close, volume, in order of time. Output: one row per step with ``step``,
``target_time`` (UTC, without a zone), ``mean`` and one price per level, ``q0.005`` to ``q0.995``.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from tidecast.candles import COLUMNS
from tidecast.forecasts import LEVELS, check_quantiles
from tidecast.models import artefact
from tidecast.models.forecasting import to_prices
from tidecast.timeframes import interval_length


class ForecastModel(PythonModel):
    """An artefact behind MLflow's predict."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the artefact; refuses a damaged one."""
        self._artefact = artefact.load(Path(context.artifacts["artefact"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Forecast every step after the last candle."""
        candles = model_input[list(COLUMNS)].astype("float64")
        index = pd.DatetimeIndex(model_input["open_time"], name="open_time")
        candles.index = index.tz_localize("UTC").as_unit("us")
        model = self._artefact.model
        returns = self._artefact.calibration.apply(model.predict(candles))
        means, quantiles = to_prices(returns)
        check_quantiles(float(returns.close[0]), means[0], quantiles[0])
        steps = pd.RangeIndex(1, model.horizon + 1)
        length = interval_length(model.interval)
        forecast = pd.DataFrame(
            quantiles[0], columns=[f"q{level:g}" for level in LEVELS], dtype="float64"
        )
        forecast.insert(0, "step", steps)
        forecast.insert(1, "target_time", returns.cutoffs[0].tz_localize(None) + steps * length)
        forecast.insert(2, "mean", means[0])
        return forecast


set_model(ForecastModel())
