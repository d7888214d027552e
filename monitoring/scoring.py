"""Score the steps of logged forecasts whose target candle is there."""

from dataclasses import dataclass
from datetime import datetime

from tidecast.evaluation.scoring import score
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market

BATCH = 500
"""Forecasts scored at once, 20 MB. More than can wait for a candle at the same time (two versions
over ``GIVE_UP_CANDLES`` and the longest horizon), so that those never block later ones."""
GIVE_UP_CANDLES = 72
"""A target candle that is missing this long after it closed will not come any more."""

Due = list[tuple[LoggedForecast, list[int]]]


@dataclass(frozen=True)
class Scored:
    """What was done.

    Attributes:
        added: scores that were not there before.
        given_up: steps marked unscorable now.
        waiting: matured steps whose candle is still missing.
        versions: model versions with a new score, in order of first appearance.
    """

    added: int = 0
    given_up: int = 0
    waiting: int = 0
    versions: tuple[str, ...] = ()


def score_matured(store: Store, market: Market, until: datetime, now: datetime) -> Scored:
    """Score everything due; nothing to score is no error.

    Args:
        store: where forecasts, candles and scores are.
        market: which market.
        until: end of the newest closed candle; later steps have not matured.
        now: current instant, UTC.
    """
    added, given_up = 0, 0
    versions: dict[str, None] = {}
    while True:
        due = store.forecasts.unscored(market, until, limit=BATCH)
        new, waiting = _score_batch(store, market, due, until)
        added += new
        versions.update(dict.fromkeys(logged.forecast.model_version for logged, _ in due))
        lost = [_lost(logged, steps, until) for logged, steps in waiting]
        marked = _give_up(store, waiting, lost, now)
        given_up += marked
        if len(due) < BATCH or not (new or marked):
            break
    left = sum(len(steps) for _, steps in waiting) - sum(map(len, lost))
    return Scored(added, given_up, left, tuple(versions) if added else ())


def _score_batch(store: Store, market: Market, due: Due, until: datetime) -> tuple[int, Due]:
    """Add the scores that can be made; returns how many, and the steps without a candle."""
    if not due:
        return 0, []
    oldest = min(logged.forecast.cutoff for logged, _ in due)
    candles = store.candles.read(market, start=oldest, end=until)
    scores = [one for logged, steps in due for one in score(logged.forecast, steps, candles)]
    done = {(one.cutoff, one.model_version, one.step) for one in scores}
    waiting = [(logged, [s for s in steps if _key(logged, s) not in done]) for logged, steps in due]
    return store.scores.add(scores), [(logged, steps) for logged, steps in waiting if steps]


def _key(logged: LoggedForecast, step: int) -> tuple[datetime, str, int]:
    return logged.forecast.cutoff, logged.forecast.model_version, step


def _lost(logged: LoggedForecast, steps: list[int], until: datetime) -> list[int]:
    forecast = logged.forecast
    patience = GIVE_UP_CANDLES * forecast.market.length
    return [step for step in steps if forecast.target_times[step - 1] + patience <= until]


def _give_up(store: Store, waiting: Due, lost: list[list[int]], now: datetime) -> int:
    reason = f"no candle {GIVE_UP_CANDLES} intervals after it should have closed"
    return sum(
        store.forecasts.mark_unscorable(logged.forecast, steps, reason, now)
        for (logged, _), steps in zip(waiting, lost, strict=True)
        if steps
    )
