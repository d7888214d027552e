"""One line per candle: what came in, what is served, what was scored, what is retrained."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from tidecast.clock import Clock
from tidecast.forecasts import LEVELS
from tidecast.prices import price_text
from tidecast.store import Store
from tidecast.timeframes import Market

SETTLE_SHARE = 0.5
"""Share of a candle's length after which its line is written: service and monitor are done then."""
LONGEST_SETTLE_SECONDS = 5.0
WINDOW_CANDLES = 50
"""Newest cutoffs whose scores are looked at for news: more than a horizon."""
_LOW, _HIGH = LEVELS.index(0.05), LEVELS.index(0.95)


@dataclass
class _Seen:
    """What was told of a market so far."""

    version: int
    newest: datetime | None
    candles: int
    scored: set[tuple[pd.Timestamp, int, str]]
    retrainings: dict[str, str]
    champion: str | None


class Hours:
    """Looks at the store and writes lines.

    Args:
        say: writes one line.
    """

    def __init__(
        self, store: Store, markets: list[Market], clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._say = say
        self._seen = {market: self._look(market) for market in markets}
        self._due: dict[Market, float] = {}

    def tick(self) -> None:
        """Write the lines whose time has come; to be called often."""
        for market, seen in self._seen.items():
            due = self._due.get(market)
            if due is not None:
                if time.monotonic() >= due:
                    del self._due[market]
                    self._tell(market)
            elif self._store.candles.version(market) != seen.version:
                real_seconds = SETTLE_SHARE * self._clock.real_seconds(market.length)
                self._due[market] = time.monotonic() + min(real_seconds, LONGEST_SETTLE_SECONDS)

    def _tell(self, market: Market) -> None:
        before, now = self._seen[market], self._look(market)
        self._seen[market] = now
        parts = [
            self._candle(market, now.candles - before.candles),
            self._forecast(market),
            self._scores(market, len(now.scored - before.scored)),
            *self._changes(before, now),
        ]
        moment = f"{self._clock.now():%Y-%m-%d %H:%M}"
        self._say(f"[cyan]{moment}[/cyan] {market}  " + " | ".join(part for part in parts if part))

    def _look(self, market: Market) -> _Seen:
        newest = self._store.candles.newest(market)
        scores = self._recent_scores(market)
        keys = zip(scores["cutoff"], scores["step"], scores["model_version"], strict=True)
        promotion = self._store.promotions.newest(market)
        return _Seen(
            version=self._store.candles.version(market),
            newest=newest.open_time if newest else None,
            candles=self._store.candles.count(market),
            scored=set(keys),
            retrainings={
                one.window: one.status for one in self._store.retrainings.history(market, limit=5)
            },
            champion=promotion.version if promotion else None,
        )

    def _recent_scores(self, market: Market) -> pd.DataFrame:
        start = self._clock.now() - WINDOW_CANDLES * market.length
        return self._store.scores.read(market, start=start)

    def _candle(self, market: Market, added: int) -> str:
        newest = self._store.candles.newest(market)
        if newest is None:
            return "no candle yet"
        word = {0: "candle revised", 1: "+1 candle"}.get(added, f"+{added} candles")
        return f"{word}, close {price_text(newest.close)}"

    def _forecast(self, market: Market) -> str:
        logged = self._store.forecasts.newest(market)
        if logged is None:
            return "no forecast yet"
        low, high = logged.forecast.quantiles[0, [_LOW, _HIGH]]
        bounds = "..".join(price_text(price, high - low) for price in (low, high))
        return f"next {market.interval} 90 % in {bounds} by version {logged.forecast.model_version}"

    def _scores(self, market: Market, new: int) -> str:
        scores = self._recent_scores(market)
        if not new or scores.empty:
            return "nothing to score yet" if scores.empty else ""
        ratio = scores["crps"].mean() / scores["baseline_crps"].mean()
        inside = scores["covered_90"].mean()
        word = "step" if new == 1 else "steps"
        return f"{new} {word} scored: CRPS {ratio:.2f} of the random walk's, {inside:.0%} in 90 %"

    def _changes(self, before: _Seen, now: _Seen) -> list[str]:
        told = []
        for window, status in now.retrainings.items():
            if before.retrainings.get(window) != status:
                word = "retraining" if status == "running" else f"retraining {status}"
                told.append(f"[yellow]{word}[/yellow]")
        if now.champion != before.champion:
            told.append(f"[bold green]champion is version {now.champion}[/bold green]")
        return told
