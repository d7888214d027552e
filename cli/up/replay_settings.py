"""The settings of a replay, as environment variables that every child process shares."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

from cli.replaying import REPLAY_START
from tidecast.clock import SimulatedClock
from tidecast.settings import sqlite_url
from tidecast.store import Store
from tidecast.timeframes import Market

REPLAY_MARKET = Market("BTC-USD", "1h")
REPLAY_PAIR = "BTC-USD"
MODEL_AGE_VARIABLE = "TIDECAST_MONITORING__MAX_MODEL_AGE_DAYS"
MAX_MODEL_AGE_DAYS = "2"
"""Days of the clock after which the champion of a replay is challenged: four minutes at the usual
speed, so that a person sees a retraining. The environment may say otherwise."""
FOLDER = "replay"
"""Folder in ``home_dir``: replayed candles must never mix with live ones."""
STORE_FILE = "tidecast.db"


def resume_instant(folder: Path) -> datetime:
    """Where the simulated clock goes on: at the end of the newest stored candle."""
    if not (folder / STORE_FILE).exists():
        return REPLAY_START
    with Store(sqlite_url(folder / STORE_FILE)) as store:
        store.migrate()
        newest = store.candles.newest(REPLAY_MARKET)
    if newest is None:
        return REPLAY_START
    return newest.open_time + REPLAY_MARKET.length + timedelta(seconds=1)


def replay_variables(folder: Path, clock: SimulatedClock, url: str) -> dict[str, str]:
    """Environment variables of a replay.

    Args:
        folder: absolute; where its state lies.
        clock: of the replay.
        url: of the replay exchange.
    """
    market = {
        "symbol": REPLAY_MARKET.symbol,
        "interval": REPLAY_MARKET.interval,
        "sources": [{"exchange": "replay", "pair": REPLAY_PAIR}],
    }
    return {
        "TIDECAST_HOME_DIR": str(folder),
        "TIDECAST_DATABASE_URL": sqlite_url(folder / STORE_FILE),
        "TIDECAST_MLFLOW_TRACKING_URI": sqlite_url(folder / "mlflow.db"),
        "TIDECAST_MARKETS": json.dumps([market]),
        "TIDECAST_INGESTION__REPLAY_URL": url,
        "TIDECAST_INGESTION__FEAR_GREED": "false",
        MODEL_AGE_VARIABLE: os.environ.get(MODEL_AGE_VARIABLE, MAX_MODEL_AGE_DAYS),
        "TIDECAST_CLOCK__SIMULATED_AT": clock.simulated_at.isoformat(),
        "TIDECAST_CLOCK__REAL_AT": clock.real_at.isoformat(),
        "TIDECAST_CLOCK__SPEED": repr(clock.speed),
    }
