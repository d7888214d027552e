"""Which prices to believe: a jump is refused only while nothing confirms it.

Rows are cut into *runs*: within a run each close is within ``MAX_JUMP_RATIO`` of the close
before it. A run is believed when it continues the price before it, when other evidence supports
it, or when it is long enough. A run that is not believed never becomes the reference of later runs.
The last believed price stays the reference for a limited time only, so the check cannot refuse a
market permanently.

Live, a wrong price that lasts ``CONFIRMING_CANDLES`` or longer looks like a real move and is
believed; so is the way back, as soon as it has lasted as long. In a history the way back is known:
a run between two others that agree with each other and are both at least as long is not believed
for its length.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

import numpy as np
import pandas as pd

from tidecast.price_returns import returned_rows

MAX_JUMP_RATIO = 5.0
"""A price this many times above or below its neighbors needs confirmation.

The largest move between two closes of the 28 public files it was tried on is a factor of 3
(Kraken ETH-USD, 2017-05-07 22:00)."""

CONFIRMING_CANDLES = 3
"""Candles in a row that agree with each other confirm a jump.

Wrong prints of an exchange last for one or two candles. In the public files, moves above a factor
of 1.5 that were undone within a day lasted at most 3 candles, and none above 3 lasted at all."""

EDGE_CANDLES = 2
"""Enough in a row at an edge of a history, beyond which nothing can confirm or contradict."""

MAX_UNSETTLED_CANDLES = 24
"""Candles in a row off the old price, after which they are believed even if they never agree."""

SAME_PRICE_RATIO = 2.0
"""Prices of one candle from two sources within this factor confirm each other.

Exchanges differ by up to a third in a crash; a mistake that needs a check is 5 times off."""

JUMP_REASON = f"price more than {MAX_JUMP_RATIO:g} times away from the candles around it"


def _no_closes() -> "pd.Series[float]":
    return pd.Series(dtype=np.float64)


@dataclass(frozen=True)
class PriceEvidence:
    """What is known about the prices of a page besides the page.

    Attributes:
        stored: closes that are stored, by open time, within the time of the page.
        confirmed: open times of rows that another source gave with the same price.
        persistent: rows of the page were refused with the same price ``CONFIRMING_CANDLES``
            intervals ago, so the page is no passing mistake.
    """

    stored: "pd.Series[float]" = field(default_factory=_no_closes)
    confirmed: frozenset[datetime] = frozenset()
    persistent: bool = False


def same_price(a: np.ndarray, b: np.ndarray | float, ratio: float = SAME_PRICE_RATIO) -> np.ndarray:
    """Whether prices are within a factor of each other, element by element; NaN never is."""
    return np.logical_and(a <= b * ratio, b <= a * ratio)


def unconfirmed_rows(
    frame: pd.DataFrame,
    close_before: float | None = None,
    evidence: PriceEvidence | None = None,
    *,
    history: bool = False,
) -> np.ndarray:
    """Mark the rows whose price nothing confirms (bool, one per row).

    A page is checked as a whole too: when prices are known and none of its rows agrees with them,
    or the ledger contradicts most of its rows, the length of its runs confirms nothing.

    Args:
        frame: rows of plausible prices, increasing in time.
        close_before: close before the first row, None when there is none.
        evidence: other knowledge about the prices.
        history: nothing follows later: two rows in a row are enough at the edges, a price that
            the rows on both sides contradict is refused however long it lasts, and a high or low
            far away is kept where open and close agree with the neighbors.
    """
    if frame.empty:
        return np.zeros(0, dtype=bool)
    with np.errstate(over="ignore"):
        page = _PageCheck.compare(frame, close_before, evidence or PriceEvidence(), history)
        believed = _believed(page)
        kept = _near_believed(frame, believed, close_before, history) | page.confirmed
    refused: np.ndarray = ~kept
    return refused


@dataclass(frozen=True)
class _PageCheck:
    """A page and what is known about its prices.

    Attributes:
        agrees: rows whose close is near the stored one.
        confirmed: rows that another source confirms.
        edges: whether nothing will ever follow or precede the rows.
        doubtful: whether the stored closes contradict more rows than they agree with.
        returned: rows of long runs at a price that was left again for the one before.
        length_counts: whether a long run is believed for its length, unless it returned.
    """

    closes: np.ndarray
    close_before: float | None
    agrees: np.ndarray
    confirmed: np.ndarray
    returned: np.ndarray
    edges: bool
    doubtful: bool
    length_counts: bool

    @classmethod
    def compare(
        cls,
        frame: pd.DataFrame,
        close_before: float | None,
        evidence: PriceEvidence,
        history: bool,
    ) -> Self:
        closes = frame["close"].to_numpy()
        stored = evidence.stored.reindex(frame.index).to_numpy(np.float64)
        agrees = same_price(closes, stored, MAX_JUMP_RATIO)
        differs = ~np.isnan(stored) & ~agrees
        confirmed = np.asarray(frame.index.isin(list(evidence.confirmed)))
        edges = history or (close_before is None and evidence.stored.empty)
        doubtful = not evidence.persistent and bool(differs.sum() > agrees.sum())
        known = agrees.any() or confirmed.any() or _is_near(closes, close_before).any()
        length_counts = not doubtful and bool(edges or evidence.persistent or known)
        returned = _returned(closes) if history else np.zeros(len(closes), dtype=bool)
        return cls(
            closes, close_before, agrees, confirmed, returned, edges, doubtful, length_counts
        )

    def believes(self, first: int, end: int, reference: float | None) -> bool:
        """Whether a run that follows the price ``reference`` is believed."""
        if self.doubtful:
            return bool(self.confirmed[first:end].any())
        return bool(
            _is_near(self.closes[first], reference)
            or self.agrees[first:end].any()
            or self.confirmed[first:end].any()
            or (
                self.length_counts
                and not self.returned[first]
                and end - first >= self._needed(first, end)
            )
        )

    def _needed(self, first: int, end: int) -> int:
        starts, ends = first == 0 and self.close_before is None, end == len(self.closes)
        if not (self.edges and (starts or ends)):
            return CONFIRMING_CANDLES
        return 1 if starts and ends else EDGE_CANDLES


def _believed(page: _PageCheck) -> np.ndarray:
    believed = np.zeros(len(page.closes), dtype=bool)
    reference, unsettled_from = page.close_before, 0
    for first, end in _runs(page.closes):
        if page.believes(first, end, reference):
            believed[first:end] = True
        elif page.length_counts and _unsettled(page, unsettled_from, end):
            believed[unsettled_from:end] = ~page.returned[unsettled_from:end]
        else:
            continue
        reference, unsettled_from = float(page.closes[end - 1]), end
    return believed


def _unsettled(page: _PageCheck, first: int, end: int) -> bool:
    """Whether the price was off the old one for too long; a price that returned does not count."""
    rows = int((~page.returned[first:end]).sum())
    return not page.returned[end - 1] and rows >= MAX_UNSETTLED_CANDLES


def _returned(closes: np.ndarray) -> np.ndarray:
    """Rows of long runs that returned; the length of a short one confirms nothing anyway."""
    runs = list(_runs(closes))
    returned = returned_rows(closes, runs, MAX_JUMP_RATIO)
    for first, end in runs:
        if end - first < CONFIRMING_CANDLES:
            returned[first:end] = False
    return returned


def _runs(closes: np.ndarray) -> Iterator[tuple[int, int]]:
    breaks = np.flatnonzero(~same_price(closes[1:], closes[:-1], MAX_JUMP_RATIO)) + 1
    bounds = [0, *breaks.tolist(), len(closes)]
    yield from zip(bounds[:-1], bounds[1:], strict=True)


def _is_near(prices: np.ndarray, reference: float | None) -> np.ndarray:
    return same_price(prices, np.nan if reference is None else reference, MAX_JUMP_RATIO)


def _near_believed(
    frame: pd.DataFrame, believed: np.ndarray, close_before: float | None, history: bool
) -> np.ndarray:
    """Rows that stay near the believed prices on both sides of them in time, or between these."""
    opens, highs, lows, closes = (
        frame[name].to_numpy() for name in ("open", "high", "low", "close")
    )
    rows = np.arange(len(closes))
    positions = np.flatnonzero(believed)
    before = np.searchsorted(positions, rows) - 1
    after = np.searchsorted(positions, rows, side="right")
    known = [np.where(believed, closes, np.nan)]
    if len(positions):
        start = np.nan if close_before is None else close_before
        known.append(np.where(before >= 0, closes[positions[before]], start))
        known.append(np.append(closes[positions], np.nan)[after])
    if len(positions) and close_before is None:
        # Nothing is before the first candles of a market: where it opens is all there is to know.
        first = positions[0]
        known.append(np.where(rows <= first, opens[first], np.nan))
    if history:
        highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    upper, lower = np.fmax.reduce(known), np.fmin.reduce(known)
    near: np.ndarray = (highs <= upper * MAX_JUMP_RATIO) & (lower <= lows * MAX_JUMP_RATIO)
    return near
