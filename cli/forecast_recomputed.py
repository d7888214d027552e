"""A published forecast, computed again from the ledger as of its publication."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from cli.forecast_view import View
from service.champion import Title, find_origin, titles
from service.parameters import level_positions, within
from service.snapshot import Snapshot, build_snapshot
from tidecast.errors import InvalidParameter
from tidecast.lifecycle.recompute import Recomputation, recompute
from tidecast.registry import Registry
from tidecast.settings import Settings
from tidecast.store import LoggedForecast, Store
from tidecast.timeframes import Market, format_rfc3339

HISTORY_CANDLES = 200


def parse_cutoff(text: str) -> datetime:
    """A cutoff as people write it; UTC if it names no zone.

    Raises:
        InvalidParameter: it is no time.
    """
    try:
        cutoff = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidParameter(
            f"cutoff {text!r} is not a time", field="cutoff", allowed="as 2025-01-01T00:00:00Z"
        ) from error
    return cutoff.replace(tzinfo=UTC) if cutoff.tzinfo is None else cutoff.astimezone(UTC)


def recomputed_view(
    store: Store,
    registry: Registry,
    settings: Settings,
    market: Market,
    cutoff: datetime,
    version: str | None,
    horizon: int | None,
    levels: Sequence[float] | None,
) -> View:
    """The forecast as it was published, and whether its recomputation has the same bits.

    Raises:
        TidecastError: none was published for the cutoff, or it cannot be computed again.
    """
    result = recompute(store, registry, market, cutoff, version)
    published = result.published
    snapshot = _snapshot(store, registry, settings, published)
    horizon_of = min(settings.horizon, published.forecast.horizon)
    steps = horizon_of if horizon is None else within("horizon", horizon, 1, horizon_of)
    positions = level_positions(settings.default_levels if levels is None else levels)
    age_seconds = (published.issued_at - cutoff).total_seconds()
    answer = snapshot.rendered.answer(age_seconds, snapshot.reasons, steps, positions)
    document = {**json.loads(answer), "recomputation": _facts(result)}
    history = store.candles.window(
        market, end=cutoff, as_of=published.issued_at, limit=HISTORY_CANDLES
    )
    return View(json.dumps(document), published.forecast, history.candles, result)


def result_text(result: Recomputation) -> str:
    """What the recomputation showed, on a line."""
    issued_at = format_rfc3339(result.published.issued_at)
    start = f"recomputed from the ledger as of {issued_at}"
    if result.same_bits:
        return f"{start}: every bit is the same"
    parts = (
        f"{part.name}: {part.values} of {part.of} values, by up to {part.largest_ratio:.3g} of it"
        for part in result.differences
    )
    return f"{start}: the bits differ: {'; '.join(parts)}"


def _snapshot(
    store: Store, registry: Registry, settings: Settings, published: LoggedForecast
) -> Snapshot:
    market, version = published.forecast.market, published.forecast.model_version
    promoted = {title.version: title for title in titles(None, store.promotions.history(market))}
    origin = find_origin(registry, market, promoted.get(version, Title(version)))
    return build_snapshot(store, published, origin, level_positions(settings.default_levels))


def _facts(result: Recomputation) -> dict[str, Any]:
    calibrated_at = result.published.calibrated_at
    return {
        "same_bits": result.same_bits,
        "issued_at": result.published.issued_at.isoformat(),
        "calibrated_at": None if calibrated_at is None else calibrated_at.isoformat(),
        "differences": [
            {
                "name": part.name,
                "values": part.values,
                "of": part.of,
                "largest_ratio": part.largest_ratio if isfinite(part.largest_ratio) else None,
            }
            for part in result.differences
        ],
    }
