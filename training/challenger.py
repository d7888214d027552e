"""A fitted challenger with everything that is written down about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tidecast
from tidecast.errors import RejectedError
from tidecast.evaluation.gate import Verdict
from tidecast.evaluation.plots import fan_png
from tidecast.evaluation.report import BacktestResult, report, report_json
from tidecast.models import artefact
from tidecast.models.calibration import Calibration
from tidecast.models.forecasting import forecast_at
from tidecast.models.model import Model, ReturnForecasts
from tidecast.timeframes import Market, format_rfc3339
from training.judging import JUDGED_UNTIL
from training.window import Window


@dataclass(frozen=True)
class Challenger:
    """A model and the calibration it has at the end of the judged window."""

    market: Market
    model: Model
    calibration: Calibration
    window: Window

    def save(self, folder: Path, trained_at: datetime, seed: int, sources: list[str]) -> None:
        """Write the artefact.

        Args:
            folder: new folder.
            trained_at: current instant, UTC.
            seed: seed of the fit.
            sources: where the candles came from.
        """
        fitted = self.window.fitted
        facts = {
            "market": str(self.market),
            "model": self.model.name,
            "horizon": self.model.horizon,
            "trained_at": format_rfc3339(trained_at),
            "train_start": format_rfc3339(fitted.index[0]),
            "train_end": format_rfc3339(self.window.judged_from),
            JUDGED_UNTIL: format_rfc3339(self.window.judged_until),
            "candles": len(fitted),
            "sources": sources,
            "seed": seed,
            "tidecast_version": tidecast.__version__,
        }
        artefact.save(folder, self.model, self.calibration, facts)

    def write_reports(
        self, folder: Path, forecasts: Mapping[str, ReturnForecasts], verdict: Verdict
    ) -> list[Path]:
        """Write the verdict, a report on every judged model, and a picture of the newest forecast.

        Args:
            folder: existing folder.
            forecasts: of the judged window by model, the challenger first.
            verdict: of the gate.
        """
        files = [folder / "verdict.json", folder / "report.json"]
        files[0].write_text(json.dumps(verdict_record(verdict), indent=1))
        judged = BacktestResult(
            market=str(self.market),
            interval=self.market.interval,
            horizon=self.model.horizon,
            start=self.window.judged_from,
            end=self.window.judged_until,
            refits=[],
            forecasts=dict(forecasts),
            actual_returns=self.window.actual_returns,
        )
        files[1].write_text(report_json(report(judged)))
        return files + self._picture(folder / "forecast.png")

    def _picture(self, path: Path) -> list[Path]:
        """A challenger that makes no valid forecast has no picture."""
        candles = self.window.candles
        try:
            forecast = forecast_at(self.model, self.calibration, candles, self.market, "challenger")
        except RejectedError:
            return []
        fan_png(forecast, candles, path, f"{self.market}: forecast of the challenger")
        return [path]


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as the registry and the promotions table keep it."""
    return {"passed": verdict.passed, "reasons": verdict.reasons, "figures": verdict.figures}


def gate_metrics(verdict: Verdict) -> dict[str, float]:
    """Figures of the gate as one flat table: CRPS by model, skill and t against each rival."""
    crps = verdict.figures.get("crps_bps", {})
    against = verdict.figures.get("against", {})
    return {
        **{f"crps_bps_{name}": float(value) for name, value in crps.items()},
        **{f"skill_vs_{name}": float(row["skill"]) for name, row in against.items()},
        **{f"t_vs_{name}": float(row["t"]) for name, row in against.items()},
    }
