"""The picture of the README: one forecast of a backtest on the shipped sample, with what happened.

The cutoff is fixed by rule, not by looks: noon of the first Monday of September 2019.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cli.candle_files import read_candles  # noqa: E402
from tidecast.evaluation.backtest import Plan, walk_forward  # noqa: E402
from tidecast.evaluation.plots import fan_png  # noqa: E402
from tidecast.forecasts import Forecast  # noqa: E402
from tidecast.models.forecasting import to_prices  # noqa: E402
from tidecast.timeframes import Market  # noqa: E402

MARKET = Market("BTC-USD", "1h")
CUTOFF = datetime(2019, 9, 2, 12, tzinfo=UTC)
SAMPLE = ROOT / "sample" / "coinbase_btc_usd_1h_2018_2019.parquet"
PICTURE = ROOT / "docs" / "images" / "fan.png"


def main() -> None:
    """Backtest four weeks up to the cutoff and draw its last forecast."""
    candles = read_candles(SAMPLE, MARKET.interval, datetime.now(UTC)).candles
    plan = Plan(
        CUTOFF - timedelta(days=28),
        CUTOFF + timedelta(hours=1),
        refit_every=timedelta(days=30),
        train_span=timedelta(days=540),
        names=("ensemble", "random_walk"),
    )
    result = walk_forward(candles, MARKET, plan)
    ensemble, walk = (result.forecasts[name].take(slice(-1, None)) for name in plan.names)
    mean, quantiles = to_prices(ensemble)
    forecast = Forecast(
        MARKET, CUTOFF, float(ensemble.close[0]), mean[0], quantiles[0], to_prices(walk)[1][0], "1"
    )
    PICTURE.parent.mkdir(exist_ok=True)
    title = "BTC-USD, next 24 hours, from the backtest on Coinbase candles of 2019"
    fan_png(forecast, candles[: CUTOFF - MARKET.length], PICTURE, title, realised=candles)


if __name__ == "__main__":
    main()
