"""What the monitor tells Prometheus. Ratios are against the random walk on the same hours."""

from collections.abc import Callable
from math import isfinite

import numpy as np
import pandas as pd
from prometheus_client import Counter, Gauge

from monitoring.drift import FeatureDrift
from monitoring.scoring import Scored
from monitoring.window import LEVELS_PERCENT, ErrorWindow
from tidecast.data_quality import DataQuality
from tidecast.evaluation.metrics import mase
from tidecast.timeframes import Market

REPORTED_STEPS = (1, 6, 12, 24)
"""Steps with figures of their own; all steps count in the decision."""

_MARKET = ("symbol", "interval")

SCORES = Counter("tidecast_scores_total", "Steps of forecasts that were scored.", _MARKET)
UNSCORABLE = Counter(
    "tidecast_unscorable_steps_total", "Steps given up: their candle never came.", _MARKET
)
WAITING = Gauge(
    "tidecast_waiting_steps", "Matured steps whose candle is missing, still waited for.", _MARKET
)
MASE = Gauge(
    "tidecast_forecast_mase",
    "Mean absolute error of the champion over that of the random walk.",
    (*_MARKET, "step"),
)
CRPS_RATIO = Gauge(
    "tidecast_forecast_crps_ratio",
    "CRPS of the champion over that of the random walk.",
    (*_MARKET, "step"),
)
EXCESS_RATIO = Gauge(
    "tidecast_decision_crps_ratio",
    "CRPS ratio over all steps that a retraining is decided by.",
    (*_MARKET, "span"),
)
EXCESS_T = Gauge(
    "tidecast_decision_standard_errors",
    "Standard errors by which that ratio is above one.",
    (*_MARKET, "span"),
)
COVERAGE = Gauge(
    "tidecast_coverage_ratio",
    "Share of actuals inside the central band of the champion.",
    (*_MARKET, "level", "step"),
)
PSI = Gauge(
    "tidecast_feature_psi",
    "Population stability index of a feature against the end of the training window.",
    (*_MARKET, "feature"),
)
KS = Gauge(
    "tidecast_feature_ks_ratio",
    "Kolmogorov-Smirnov distance of a feature to the end of the training window.",
    (*_MARKET, "feature"),
)
ERROR_DRIFT = Gauge(
    "tidecast_error_drift_deviations",
    "CUSUM of step 1 losses above normal, in standard deviations; an alarm resets it.",
    _MARKET,
)
HEALTHY = Gauge(
    "tidecast_data_healthy", "1 when the candles are fit to judge a model by, else 0.", _MARKET
)
MISSING = Gauge(
    "tidecast_missing_candles", "Candles missing between the oldest and the newest.", _MARKET
)
BLOCKED = Gauge(
    "tidecast_retraining_blocked", "1 while a wanted retraining is held back, else 0.", _MARKET
)
RETRAININGS = Counter(
    "tidecast_retrainings_total",
    "Retrainings by what became of them: started, lost (another monitor had the claim), postponed"
    " (the cluster did not take the Job), promoted, kept, failed.",
    (*_MARKET, "status"),
)
_MARKET_GAUGES = (
    WAITING,
    MASE,
    CRPS_RATIO,
    EXCESS_RATIO,
    EXCESS_T,
    COVERAGE,
    PSI,
    KS,
    ERROR_DRIFT,
    HEALTHY,
    MISSING,
    BLOCKED,
)
LEADER = Gauge(
    "tidecast_monitoring_leader", "1 while this monitor decides, 0 while another one does."
)
CALLS = Counter(
    "tidecast_kubernetes_requests_total",
    "Calls to the Kubernetes API by result: ok, conflict, refused, unavailable.",
    ("call", "result"),
)
ALERTS = Counter(
    "tidecast_alerts_sent_total",
    "Alerts by kind of channel and result: sent, failed (tried again for a day).",
    ("channel", "result"),
)


def show_scoring(market: Market, scored: Scored) -> None:
    """Count what a round scored."""
    SCORES.labels(*_labels(market)).inc(scored.added)
    UNSCORABLE.labels(*_labels(market)).inc(scored.given_up)
    WAITING.labels(*_labels(market)).set(scored.waiting)


def show_health(market: Market, health: DataQuality) -> None:
    """Show whether the candles are healthy."""
    HEALTHY.labels(*_labels(market)).set(health.healthy)


def show_missing(market: Market, missing: int) -> None:
    """Show how many candles the gaps of the ledger have."""
    MISSING.labels(*_labels(market)).set(missing)


def show_window(market: Market, window: ErrorWindow, scores: pd.DataFrame) -> None:
    """Show the champion's errors; ``scores`` are those of the window."""
    labels = _labels(market)
    for name, span in (("recent", window.recent), ("whole", window.whole)):
        EXCESS_RATIO.labels(*labels, name).set(span.crps_ratio)
        EXCESS_T.labels(*labels, name).set(span.t)
    for step in REPORTED_STEPS:
        own = scores[scores["step"] == step]
        if not own.empty:
            _show_step(labels, step, own)


def _show_step(labels: tuple[str, str], step: int, scores: pd.DataFrame) -> None:
    columns = ("error", "baseline_error", "crps", "baseline_crps")
    error, baseline, crps, baseline_crps = (scores[c].to_numpy(np.float64) for c in columns)
    MASE.labels(*labels, step).set(mase(error, baseline))
    CRPS_RATIO.labels(*labels, step).set(mase(crps, baseline_crps))
    for percent in LEVELS_PERCENT:
        share = float(scores[f"covered_{percent}"].to_numpy().mean())
        COVERAGE.labels(*labels, f"{percent / 100:g}", step).set(share)


def show_feature_drift(market: Market, drift: FeatureDrift) -> None:
    """Show the drift of every feature."""
    for gauge, values in ((PSI, drift.psi), (KS, drift.ks)):
        for feature, value in values.items():
            if isfinite(value):
                gauge.labels(*_labels(market), feature).set(value)


def count_retraining(market: Market, status: str) -> None:
    """Count a retraining that reached this status."""
    RETRAININGS.labels(*_labels(market), status).inc()


def show_error_drift(market: Market, deviations: float) -> None:
    """Show the sum of the CUSUM."""
    ERROR_DRIFT.labels(*_labels(market)).set(deviations)


def show_blocked(market: Market, blocked: bool) -> None:
    """Show whether a wanted retraining is held back."""
    BLOCKED.labels(*_labels(market)).set(blocked)


def show_leader(leads: Callable[[], bool]) -> None:
    """Ask, at every scrape, whether this monitor decides."""
    LEADER.set_function(lambda: float(leads()))


def count_call(call: str, result: str) -> None:
    """Count a call to the Kubernetes API."""
    CALLS.labels(call, result).inc()


def count_alert(channel: str, result: str) -> None:
    """Count what became of an alert."""
    ALERTS.labels(channel, result).inc()


def forget_markets() -> None:
    """Take the gauges of all markets away: another monitor shows them now."""
    for metric in _MARKET_GAUGES:
        metric.clear()


def _labels(market: Market) -> tuple[str, str]:
    return market.symbol, market.interval
