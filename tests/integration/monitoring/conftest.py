from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitoring.champion import Champion, ReadChampion, champion_of
from monitoring.decision import Policy
from monitoring.round import Plan, Report, monitor_market
from monitoring.trigger import LocalTrigger
from tidecast.candles import validate
from tidecast.forecasts import Forecast
from tidecast.models.artefact import load, save
from tidecast.models.baselines import RandomWalk
from tidecast.models.calibration import Calibration
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market

SAMPLE = Path(__file__).parents[3] / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
MARKET = Market("BTC-USD", "1h")
HOUR = timedelta(hours=1)
HISTORY = 600
HORIZON = 6
SOURCE = "replay:BTC-USD"

Distort = Callable[[Forecast], Forecast]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'tidecast.db'}") as opened:
        opened.migrate()
        yield opened


@pytest.fixture(scope="session")
def sample() -> pd.DataFrame:
    """1,500 candles of the shipped sample, a stretch without gap or shock."""
    raw = pd.read_parquet(SAMPLE).set_index("timestamp").rename_axis("open_time")
    stretch = raw.loc["2019-01-15":].iloc[:1500]
    frame, refused = validate(stretch, "1h", stretch.index[-1] + 2 * HOUR)
    assert not refused
    return frame


@pytest.fixture(scope="session")
def random_walk(sample: pd.DataFrame) -> RandomWalk:
    return RandomWalk.fit(sample.iloc[:HISTORY], "1h", HORIZON)


@pytest.fixture
def plan() -> Plan:
    """The default settings with half of the patience, and hours long enough for a lease."""
    policy = Policy(
        min_scored=12,
        max_mase=1.5,
        max_crps_ratio=1.1,
        min_t=2.5,
        consecutive_rounds=2,
        rearm_ratio=1.02,
        cooldown=12 * HOUR,
        max_model_age=timedelta(days=30),
    )
    return Plan(
        policy=policy,
        window_candles=168,
        stale_after_candles=2.0,
        reference_candles=400,
        max_psi=0.5,
        lease_seconds=1e6,
    )


@dataclass
class World:
    """Hours that pass: candles arrive, forecasts are served, the monitor does its round."""

    store: Store
    plan: Plan
    candles: pd.DataFrame
    model: RandomWalk
    read_champion: ReadChampion
    trigger: LocalTrigger
    version: str = "1"
    distort: Distort = lambda forecast: forecast
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.candles.index[HISTORY].to_pydatetime()
        self.arrive(self.candles.iloc[:HISTORY])
        self.promote("1")

    def promote(self, version: str) -> None:
        self.store.promotions.add(
            MARKET, version, previous=None, at=self.now, by="test", reason="test", forced=True
        )
        self.version = version

    def arrive(self, candles: pd.DataFrame) -> None:
        self.store.candles.upsert(MARKET, candles, SOURCE, lambda: self.now)

    def closed(self) -> pd.DataFrame:
        """The candle that closed just now."""
        return self.candles.loc[self.now - HOUR : self.now - HOUR]

    def serve(self) -> Forecast:
        """Log the forecast of the newest stored candle."""
        newest = self.store.candles.newest(MARKET)
        assert newest is not None
        forecast = self.distort(self.forecast(newest.open_time + HOUR, newest.close))
        self.store.forecasts.add(LoggedForecast(forecast, self.now, SOURCE, None, True))
        return forecast

    def forecast(self, cutoff: datetime, close: float) -> Forecast:
        prices = close * np.exp(self.model.table)
        mean = prices.mean(axis=1)
        return Forecast(MARKET, cutoff, close, mean, prices, prices, self.version)

    def monitor(self) -> Report:
        return monitor_market(
            self.store,
            self.plan,
            MARKET,
            self.now,
            read_champion=self.read_champion,
            trigger=self.trigger,
        )

    def pass_hours(
        self, hours: int, *, arriving: bool = True, serving: bool = True, monitoring: bool = True
    ) -> list[Report]:
        """Let hours pass; returns the report of each round."""
        reports = []
        for _ in range(hours):
            self.now += HOUR
            if arriving:
                self.arrive(self.closed())
            if serving:
                self.serve()
            if monitoring:
                reports.append(self.monitor())
        return reports

    def kinds(self) -> list[str]:
        """Kinds of all events, oldest first."""
        return [event.kind for event in reversed(self.store.events.read(limit=1000))]

    def windows(self) -> list[str]:
        """Windows of all retrainings, oldest first."""
        return [row.window for row in reversed(self.store.retrainings.history(MARKET))]


@pytest.fixture
def champion(sample: pd.DataFrame, random_walk: RandomWalk, tmp_path: Path) -> Champion:
    """The random walk as an artefact, trained when the world begins."""
    begin = sample.index[HISTORY].isoformat()
    facts = {"market": str(MARKET), "trained_at": begin, "train_end": begin}
    save(tmp_path / "artefact", random_walk, Calibration.initial(HORIZON), facts)
    return champion_of("1", load(tmp_path / "artefact"))


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[LocalTrigger]:
    """Trainings that run until they are ended."""
    made = LocalTrigger(
        tmp_path / "logs", nice=0, timeout_seconds=60, command=("sh", "-c", "exec sleep 60")
    )
    yield made
    made.close()


@pytest.fixture
def world(
    store: Store,
    plan: Plan,
    sample: pd.DataFrame,
    random_walk: RandomWalk,
    champion: Champion,
    trigger: LocalTrigger,
) -> World:
    def read(market: Market, version: str) -> Champion:
        return replace(champion, version=version)

    return World(store, plan, sample, random_walk, read, trigger)


def shifted(forecast: Forecast) -> Forecast:
    """Everything 5 % too high."""
    return replace(forecast, mean=forecast.mean * 1.05, quantiles=forecast.quantiles * 1.05)


def narrow(forecast: Forecast) -> Forecast:
    """Bands a tenth as wide as they should be."""
    quantiles = forecast.close * (forecast.quantiles / forecast.close) ** 0.1
    return replace(forecast, quantiles=quantiles)


@pytest.fixture
def broken() -> dict[str, Distort]:
    return {"shifted": shifted, "narrow": narrow}
