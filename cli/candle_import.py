"""What `tidecast candles import` does: read a file, then store it or say what would be stored."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from tidecast.clock import Clock
from tidecast.settings import Settings
from tidecast.timeframes import Market

if TYPE_CHECKING:
    from cli.candle_files import CandleFile

Counts = dict[str, int]


def store_file(
    settings: Settings, market: Market, file: "CandleFile", source: str, clock: Clock
) -> Counts:
    """Add the candles to the store and the refused rows to the quarantine."""
    from cli.opening import opened_store

    with opened_store(settings) as store:
        done = store.candles.upsert(market, file.candles, source, clock.now)
        quarantined = store.candles.quarantine(market, source, file.refused, clock.now())
    return asdict(done) | {"quarantined": quarantined}


def preview_file(
    settings: Settings, market: Market, file: "CandleFile", source: str, clock: Clock
) -> Counts:
    """What `store_file` would do, without writing and without creating or migrating a database."""
    from tidecast.store import Store, Upserted

    database = settings.home_dir / "tidecast.db"
    if not settings.database_url and not database.exists():
        done, quarantined = Upserted(len(file.candles), 0, 0), len(set(file.refused))
    else:
        with Store(settings.store_url) as store:
            done = store.candles.preview(market, file.candles, source, clock.now)
            quarantined = store.candles.preview_quarantine(market, source, file.refused)
    return asdict(done) | {"quarantined": quarantined}
