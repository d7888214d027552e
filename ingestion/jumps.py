"""What the ledger, other sources and earlier runs know about the prices of a page."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from tidecast.price_jumps import CONFIRMING_CANDLES, PriceEvidence, same_price
from tidecast.store import Suspect


def price_evidence(
    page: pd.DataFrame,
    stored: pd.DataFrame,
    suspects: Sequence[Suspect],
    source: str,
    now: datetime,
    length: timedelta,
) -> PriceEvidence:
    """Collect what confirms the prices of a page.

    Args:
        page: raw rows of a source.
        stored: candle frame of the same time from the ledger.
        suspects: rows of the same time that were refused for their price before.
        source: ``exchange:pair`` of the page.
        now: current instant, UTC.
        length: of one candle.
    """
    agreeing = [suspect for suspect in suspects if _agrees(page, suspect)]
    settled = now - CONFIRMING_CANDLES * length
    return PriceEvidence(
        stored=stored["close"],
        confirmed=frozenset(suspect.open_time for suspect in agreeing if suspect.source != source),
        persistent=any(
            suspect.source == source and suspect.first_seen_at <= settled for suspect in agreeing
        ),
    )


def confirmed_suspects(suspects: Sequence[Suspect], good: pd.DataFrame) -> list[Suspect]:
    """Suspects whose price is that of a good candle after all."""
    closes = good["close"].reindex([suspect.open_time for suspect in suspects]).to_numpy()
    agree = same_price(closes, np.array([suspect.close for suspect in suspects], dtype=np.float64))
    return [suspect for suspect, agrees in zip(suspects, agree, strict=True) if agrees]


def _agrees(page: pd.DataFrame, suspect: Suspect) -> bool:
    rows = page.loc[page.index == suspect.open_time, ["high", "low", "close"]].to_numpy(np.float64)
    return bool(same_price(rows, np.array([suspect.high, suspect.low, suspect.close])).all(1).any())
