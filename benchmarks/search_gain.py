"""What a search for boosting parameters gains on hours that it never saw.

Fits the ensemble twice at each of several instants, with the parameters of the code and with those
that a search has found before it, and compares their CRPS on the 336 hours after.

    python -m benchmarks.search_gain candles.parquet 20 2019-03-01 2019-06-01
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from tidecast.candles import validate
from tidecast.models.boosting import CHOSEN
from tidecast.settings import sqlite_url
from training.search import SearchPlan, fold_loss, search

JUDGED = 336
TRAIN = 17_520


def main() -> None:
    path, trials, *instants = sys.argv[1:]
    raw = pd.read_parquet(path).set_index("timestamp").rename_axis("open_time")
    candles, _ = validate(raw, "1h", raw.index[-1] + pd.Timedelta("2h"), history=True)
    gains = [measure(candles, pd.Timestamp(instant, tz="UTC"), int(trials)) for instant in instants]
    print(
        f"mean gain {np.mean(gains):+.2%}, better in {np.sum(np.array(gains) > 0)} of {len(gains)}"
    )


def measure(candles: pd.DataFrame, instant: pd.Timestamp, trials: int) -> float:
    known = candles[: instant - pd.Timedelta("1h")].iloc[-TRAIN:]
    window = pd.concat([known, candles[instant:].iloc[:JUDGED]])
    with tempfile.TemporaryDirectory() as folder:
        plan = SearchPlan(
            name=str(instant),
            store_url=sqlite_url(Path(folder) / "tidecast.db"),
            trials=trials,
            seconds=3600,
            interval="1h",
            horizon=24,
            fold_candles=JUDGED,
            min_train_candles=1800,
            seed=7,
            threads=1,
        )
        found = search(plan, known)
        before, after = (
            fold_loss(plan, window, len(known), one) for one in (CHOSEN, found.parameters)
        )
    gain = 1 - after / before
    print(
        f"{instant:%Y-%m-%d}: {found.trials} trials, {found.gain_ratio:+.2%} in the folds,"
        f" {gain:+.2%} after them; {found.parameters}",
        flush=True,
    )
    return gain


if __name__ == "__main__":
    main()
