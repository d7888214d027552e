"""The newest forecast, asked of a running service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import requests

from cli.forecast_view import View
from tidecast.candles import frame_from_rows
from tidecast.errors import ForecastUnavailable, InvalidParameter
from tidecast.forecasts import LEVELS, Forecast
from tidecast.timeframes import Market

TIMEOUT_SECONDS = 10.0
HISTORY_CANDLES = 200
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def remote_view(
    url: str,
    market: Market,
    horizon: int | None,
    levels: Sequence[float] | None,
    api_key: str | None = None,
) -> View:
    """Ask a service for a forecast, and once more with all levels for the picture.

    Raises:
        ForecastUnavailable: the service does not answer, or has no forecast.
        InvalidParameter: it refuses the question.
    """
    path = f"{url.rstrip('/')}/v1/forecasts/{market.symbol}"
    asked: dict[str, str] = {"interval": market.interval}
    if horizon is not None:
        asked["horizon"] = str(horizon)
    chosen = {} if levels is None else {"levels": _joined(levels)}
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    answer = _get(path, asked | chosen, headers)
    whole = _get(path, asked | {"levels": _joined(LEVELS)}, headers).json()
    candles = _get(
        f"{url.rstrip('/')}/v1/candles/{market.symbol}",
        {"interval": market.interval, "limit": str(HISTORY_CANDLES)},
        headers,
    ).json()
    history = _history(candles["candles"], datetime.fromisoformat(whole["cutoff"]))
    return View(answer.text, _forecast(whole, market, history), history)


def _joined(levels: Sequence[float]) -> str:
    return ",".join(f"{level:g}" for level in levels)


def _get(path: str, parameters: dict[str, str], headers: dict[str, str]) -> requests.Response:
    try:
        with requests.Session() as asking:
            # A proxy of the environment is not for a service on this machine.
            asking.trust_env = urlsplit(path).hostname not in LOOPBACK
            answer = asking.get(path, params=parameters, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as e:
        raise ForecastUnavailable(f"no service answers at {path}: {e}") from e
    if answer.status_code == 200:
        return answer
    try:
        error: dict[str, Any] = answer.json()["error"]
        message = str(error["message"])
    except (ValueError, KeyError, TypeError) as e:
        raise ForecastUnavailable(f"{path} answered HTTP {answer.status_code}") from e
    if answer.status_code < 500:
        raise InvalidParameter(
            message, field=error.get("field") or "request", allowed=error.get("allowed") or ""
        )
    raise ForecastUnavailable(message)


def _forecast(whole: dict[str, Any], market: Market, history: pd.DataFrame) -> Forecast:
    names = list(whole["steps"][0]["quantiles"])
    quantiles = np.array([[step["quantiles"][name] for name in names] for step in whole["steps"]])
    return Forecast(
        market=market,
        cutoff=datetime.fromisoformat(whole["cutoff"]),
        close=float(history["close"].iloc[-1]),
        mean=np.array([step["mean"] for step in whole["steps"]]),
        quantiles=quantiles,
        # The service does not tell the random walk's; nothing that is shown here needs it.
        baseline_quantiles=quantiles,
        model_version=whole["model_version"],
    )


def _history(candles: list[dict[str, Any]], cutoff: datetime) -> pd.DataFrame:
    rows = [
        (
            datetime.fromisoformat(one["open_time"]),
            *(one[name] for name in ("open", "high", "low", "close", "volume")),
        )
        for one in candles
    ]
    frame = frame_from_rows(rows)
    return frame[frame.index < pd.Timestamp(cutoff)]
