"""What the store and the registry know about one market."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitoring.memory import note_name
from service.messages import StepScores
from service.scoreboard import tally
from tidecast.errors import TidecastError
from tidecast.lifecycle.registry_check import find_registry_problems
from tidecast.models.ladder import short_history_reason
from tidecast.registry import Registry
from tidecast.store import Event, Retraining, Store
from tidecast.timeframes import Market, format_rfc3339

SHOWN_STEPS = (1, 6, 12, 24)
SCORE_SPAN = timedelta(days=30)
SHOWN_EVENTS = 5
BASIS_POINTS = 1e4
OWN_OF_THE_MONITOR = ("trigger", "error_drift")
"""Parts of its note that are its memory and no figures."""


@dataclass(frozen=True)
class MarketStatus:
    """One market at one moment; None where nothing is known yet.

    Attributes:
        newest: open time of the newest candle, UTC.
        data_age: time since that candle ended.
        missing: candles missing in all gaps together.
        held_back: candles after the newest stored one whose price is not confirmed yet.
        model: name of the champion's model in the catalogue.
        short_history: why a simple model serves, None if it is not for want of candles.
        forced: whether the champion was promoted past the gate.
        monitor: figures of the last monitoring round.
        scores: one entry per shown step, ours beside the random walk's.
        registry: what is wrong in MLflow with the champion, and what to do.
    """

    market: Market
    candles: int
    newest: datetime | None
    source: str | None
    data_age: timedelta | None
    gaps: int
    missing: int
    held_back: int
    champion: str | None
    model: str | None
    short_history: str | None
    champion_age: timedelta | None
    model_age: timedelta | None
    forced: bool
    registry: list[str]
    last_retraining: dict[str, Any] | None
    monitor: dict[str, Any]
    scores: list[dict[str, Any]]
    events: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The same for a program: ages in seconds, times in RFC 3339."""
        return {
            "market": str(self.market),
            "candles": self.candles,
            "newest": None if self.newest is None else format_rfc3339(self.newest),
            "source": self.source,
            "data_age_seconds": _seconds(self.data_age),
            "gaps": self.gaps,
            "missing_candles": self.missing,
            "held_back_candles": self.held_back,
            "champion": self.champion,
            "model": self.model,
            "short_history": self.short_history,
            "champion_age_seconds": _seconds(self.champion_age),
            "model_age_seconds": _seconds(self.model_age),
            "forced": self.forced,
            "registry": self.registry,
            "last_retraining": self.last_retraining,
            "monitor": self.monitor,
            "scores": self.scores,
            "events": self.events,
        }


def read_status(store: Store, registry: Registry, market: Market, now: datetime) -> MarketStatus:
    """Look once.

    Raises:
        StoreUnavailable: the store cannot be read.
    """
    newest = store.candles.newest(market)
    gaps = store.candles.gaps(market)
    promotion = store.promotions.newest(market)
    scores = tally(market, store.scores.read(market, start=now - SCORE_SPAN), simulated=False)
    facts = _facts(registry, market, promotion.version) if promotion else {}
    trained_at = _time(facts.get("trained_at"))
    candles = store.candles.count(market)
    return MarketStatus(
        market=market,
        candles=candles,
        newest=newest.open_time if newest else None,
        source=newest.source if newest else None,
        data_age=now - newest.open_time - market.length if newest else None,
        gaps=len(gaps),
        missing=sum(gap.missing for gap in gaps),
        held_back=len(store.candles.held_back(market)),
        champion=promotion.version if promotion else None,
        model=facts.get("model"),
        short_history=_short_history(market, facts, candles),
        champion_age=now - promotion.at if promotion else None,
        model_age=now - trained_at if trained_at else None,
        forced=promotion.forced if promotion else False,
        registry=_registry_problems(registry, market, promotion.version) if promotion else [],
        last_retraining=_retraining(store.retrainings.newest(market)),
        monitor=_monitor(store, market),
        scores=[_score(step) for step in scores.steps if step.step in SHOWN_STEPS],
        events=[_event(event) for event in store.events.read(market=market, limit=SHOWN_EVENTS)],
    )


def _facts(registry: Registry, market: Market, version: str) -> dict[str, Any]:
    """Facts of the artifact; empty if the registry cannot give them."""
    try:
        return registry.version(market, version).facts
    except TidecastError:
        # The status of everything else is worth showing without the registry.
        return {}


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _short_history(market: Market, facts: dict[str, Any], candles: int) -> str | None:
    if not {"model", "horizon"} <= facts.keys():
        return None
    return short_history_reason(facts["model"], market.interval, facts["horizon"], candles)


def _registry_problems(registry: Registry, market: Market, version: str) -> list[str]:
    try:
        return [problem.text for problem in find_registry_problems(registry, market, version)]
    except TidecastError as error:
        return [str(error)]


def _monitor(store: Store, market: Market) -> dict[str, Any]:
    """Figures of the last round, without what the monitor keeps for itself."""
    note = store.notes.get(note_name(market)) or {}
    return {name: value for name, value in note.items() if name not in OWN_OF_THE_MONITOR}


def _retraining(retraining: Retraining | None) -> dict[str, Any] | None:
    if retraining is None:
        return None
    return {
        "requested_at": format_rfc3339(retraining.requested_at),
        "reason": retraining.reason,
        "status": retraining.status,
        "detail": retraining.detail,
    }


def _score(step: StepScores) -> dict[str, Any]:
    return {
        "step": step.step,
        "scored": step.n,
        "mase": step.mase,
        "crps_bps": BASIS_POINTS * step.crps,
        "random_walk_crps_bps": BASIS_POINTS * step.baseline_crps,
        "crps_ratio": step.crps_ratio,
        "covered_90": step.coverage.band_90,
    }


def _event(event: Event) -> dict[str, Any]:
    return {"at": format_rfc3339(event.at), "kind": event.kind, "detail": event.detail}


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else age.total_seconds()
