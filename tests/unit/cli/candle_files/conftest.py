from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from cli.candle_files import CandleFile, read_candles

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def table() -> pd.DataFrame:
    """24 hourly candles with the columns that Tidecast writes; every price is different."""
    opens = pd.Series([100 + number * 0.37 for number in range(24)])
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-01-01", periods=24, freq="h", tz="UTC"),
            "open": opens,
            "high": opens + 2,
            "low": opens - 3,
            "close": opens + 1,
            "volume": opens / 10,
        }
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., CandleFile]:
    """Read text, bytes or a frame as a file of hourly BTC-USD candles."""

    def reading(content: str | bytes | pd.DataFrame, interval: str = "1h", **options) -> CandleFile:
        path = tmp_path / "candles"
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_candles(path, interval, NOW, **{"symbol": "BTC-USD", **options})

    return reading
