"""What `tidecast candles import` does: read a file, then store it or say what would be stored."""

from typing import TYPE_CHECKING

from tidecast.clock import Clock
from tidecast.settings import Settings
from tidecast.timeframes import Market

if TYPE_CHECKING:
    import pandas as pd

    from cli.candle_files import CandleFile
    from tidecast.store import Store

Counts = dict[str, int]


def store_file(
    settings: Settings, market: Market, file: "CandleFile", source: str, clock: Clock
) -> Counts:
    """Add the candles to the store and the refused rows to the quarantine."""
    from cli.opening import opened_store

    with opened_store(settings) as store:
        done = store.candles.upsert(market, file.candles, source, clock.now)
        quarantined = store.candles.quarantine(market, source, file.refused, clock.now())
    return {
        "inserted": done.inserted,
        "revised": done.revised,
        "unchanged": done.unchanged,
        "quarantined": quarantined,
    }


def preview_file(settings: Settings, market: Market, file: "CandleFile", source: str) -> Counts:
    """What `store_file` would do, without writing and without creating or migrating a database."""
    from tidecast.store import Store

    counts = {"inserted": len(file.candles), "revised": 0, "unchanged": 0}
    database = settings.home_dir / "tidecast.db"
    if settings.database_url or database.exists():
        with Store(settings.store_url) as store:
            counts = _compared(store, market, file.candles, source)
    return counts | {"quarantined": len(file.refused)}


def _compared(store: "Store", market: Market, frame: "pd.DataFrame", source: str) -> Counts:
    """Candles that are new, that differ from those of the same source, and all others."""
    start, end = frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime() + market.length
    stored = store.candles.read(market, start=start, end=end)
    both = frame.index.intersection(stored.index)
    known = stored.loc[both].to_numpy()
    changed = int((frame.loc[both, stored.columns].to_numpy() != known).any(axis=1).sum())
    if source not in store.candles.sources(market, start, end):
        changed = 0  # A candle from another source stays as it is.
    return {
        "inserted": len(frame) - len(both),
        "revised": changed,
        "unchanged": len(both) - changed,
    }
