"""An installation to be measured: the shipped candles, and an ensemble fitted on them as champion.

The newest candles are left out of the store, for the measurements in which candles arrive.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pandas as pd

from cli.candle_files import read_candles
from tidecast.models import artefact, catalogue
from tidecast.models.calibration import Calibration
from tidecast.registry import Registry
from tidecast.settings import sqlite_url
from tidecast.store import Store
from tidecast.timeframes import Market, format_rfc3339

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
MARKET = Market("BTC-USD", "1h")
SOURCE = "coinbase:BTC-USD"
HORIZON = 24
TO_COME = 20
"""Candles that are left to arrive."""
VERSIONS = 16
"""Model versions in the registry; each swap takes one that was never loaded before."""


@dataclass
class Home:
    """A folder with store and registry.

    Attributes:
        coming: candles that are not in the store yet.
        promoted: the version that is champion.
    """

    folder: Path
    coming: pd.DataFrame
    promoted: int = 1

    def __post_init__(self) -> None:
        self.store = Store(sqlite_url(self.folder / "tidecast.db"))
        self.registry = Registry(sqlite_url(self.folder / "mlflow.db"), self.folder / "writer")
        self.now = (self.coming.index[-1] + timedelta(minutes=70)).to_pydatetime()

    def copy(self, folder: Path) -> Self:
        """The same as it was made, elsewhere."""
        shutil.copytree(self.folder, folder)
        return type(self)(folder, self.coming)

    def arrive(self) -> str:
        """Put the next candle into the store; its cutoff, as the service logs it."""
        candle, self.coming = self.coming[:1], self.coming[1:]
        self.store.candles.upsert(MARKET, candle, SOURCE, lambda: self.now)
        cutoff: datetime = (candle.index[0] + MARKET.length).to_pydatetime()
        return cutoff.isoformat()

    def promote(self) -> str:
        """Make the next version champion; its name."""
        self.promoted += 1
        version = str(self.promoted)
        previous = self.registry.point(MARKET, version)
        self.store.promotions.add(
            MARKET, version, previous=previous, at=self.now, by="benchmark", reason="measured"
        )
        return version

    def environment(self, grpc_port: int) -> dict[str, str]:
        """Environment of a service on it; the clock stands after the last candle to come."""
        market = {
            "symbol": MARKET.symbol,
            "sources": [{"exchange": "coinbase", "pair": MARKET.symbol}],
        }
        kept = {key: value for key, value in os.environ.items() if "TIDECAST" not in key}
        return {
            **kept,
            "TIDECAST_HOME_DIR": str(self.folder),
            "TIDECAST_MARKETS": json.dumps([market]),
            "TIDECAST_CLOCK__SIMULATED_AT": format_rfc3339(self.now),
            "TIDECAST_CLOCK__REAL_AT": format_rfc3339(datetime.now(UTC)),
            "TIDECAST_SERVICE__GRPC_PORT": str(grpc_port),
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "BENTOML_DO_NOT_TRACK": "True",
        }

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def make_home(folder: Path) -> Home:
    """Fit the ensemble on the sample and make it champion; a minute on a busy machine."""
    folder.mkdir(parents=True)
    candles = read_candles(SAMPLE, MARKET.interval, datetime.now(UTC)).candles
    known, coming = candles[:-TO_COME], candles[-TO_COME:]
    home = Home(folder, coming, promoted=0)
    home.store.migrate()
    home.store.candles.upsert(MARKET, known, SOURCE, lambda: home.now)
    facts = {"market": str(MARKET), "trained_at": format_rfc3339(home.now)}
    model = catalogue.fit("ensemble", known, MARKET.interval, HORIZON)
    with tempfile.TemporaryDirectory() as fitted:
        artefact.save(Path(fitted), model, Calibration.initial(HORIZON), facts)
        for _ in range(VERSIONS):
            home.registry.register(MARKET, Path(fitted), parameters={}, metrics={})
    home.promote()
    home.close()
    return home
