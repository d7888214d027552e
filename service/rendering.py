"""JSON of a forecast, written once per snapshot so that an answer only joins bytes.

Prices are written with every digit of the float, so that a served forecast can be compared to the
logged one to the last bit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from tidecast.forecasts import LEVELS, Forecast
from tidecast.timeframes import format_rfc3339


@dataclass(frozen=True)
class Rendered:
    """The constant parts of one forecast's JSON.

    Attributes:
        before_age: from the opening brace up to the value of ``data_age_seconds``.
        before_degraded: from there up to the value of ``degraded``.
        before_steps: from there up to the rows of ``steps``.
        row_heads: per step, the row up to its quantiles.
        cells: per step and level, ``"0.05":12.5``.
        default_rows: per step, the whole row with the default levels.
        digest: stands for all of the above, hexadecimal.
    """

    before_age: bytes
    before_degraded: bytes
    before_steps: bytes
    row_heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    default_levels: tuple[int, ...]
    default_rows: tuple[bytes, ...]
    digest: str

    def answer(
        self,
        data_age_seconds: float,
        degraded: Sequence[str],
        steps: int,
        levels: tuple[int, ...],
    ) -> bytes:
        """The whole JSON answer.

        Args:
            data_age_seconds: time since the cutoff.
            degraded: reasons, empty when nothing is wrong.
            steps: how many rows.
            levels: positions in ``LEVELS``, ascending.
        """
        rows = self.default_rows[:steps]
        if levels != self.default_levels:
            rows = tuple(self._row(step, levels) for step in range(steps))
        return b"".join(
            (
                self.before_age,
                b"%.3f" % data_age_seconds,
                self.before_degraded,
                json.dumps(degraded).encode() if degraded else b"[]",
                self.before_steps,
                b",".join(rows),
                b"]}",
            )
        )

    def _row(self, step: int, levels: tuple[int, ...]) -> bytes:
        return _row(self.row_heads[step], self.cells[step], levels)


def render(
    forecast: Forecast,
    *,
    source: str,
    trained_at: datetime | None,
    promoted_at: datetime | None,
    simulated: bool,
    default_levels: tuple[int, ...],
) -> Rendered:
    """Write everything of an answer that does not depend on the moment or the caller."""
    head = {
        "symbol": forecast.market.symbol,
        "interval": forecast.market.interval,
        "cutoff": format_rfc3339(forecast.cutoff),
    }
    facts = {
        "source": source,
        "model_version": forecast.model_version,
        "trained_at": None if trained_at is None else format_rfc3339(trained_at),
        "promoted_at": None if promoted_at is None else format_rfc3339(promoted_at),
    }
    row_heads = tuple(
        f'{{"step":{step},"target_time":"{format_rfc3339(target)}","mean":{mean!r},"quantiles":{{'
        for step, (target, mean) in enumerate(
            zip(forecast.target_times, forecast.mean.tolist(), strict=True), start=1
        )
    )
    cells = tuple(
        tuple(f'"{level:g}":{price!r}' for level, price in zip(LEVELS, prices, strict=True))
        for prices in forecast.quantiles.tolist()
    )
    texts = (
        f'{_members(head)},"data_age_seconds":',
        f',{_members(facts)[1:]},"degraded":',
        f',"simulated":{json.dumps(simulated)},"steps":[',
    )
    told = repr((texts, row_heads, cells, default_levels))
    before_age, before_degraded, before_steps = (text.encode() for text in texts)
    return Rendered(
        before_age=before_age,
        before_degraded=before_degraded,
        before_steps=before_steps,
        row_heads=row_heads,
        cells=cells,
        default_levels=default_levels,
        default_rows=tuple(
            _row(head, row, default_levels) for head, row in zip(row_heads, cells, strict=True)
        ),
        digest=blake2b(told.encode(), digest_size=8).hexdigest(),
    )


def _row(head: str, cells: tuple[str, ...], levels: tuple[int, ...]) -> bytes:
    return f"{head}{','.join([cells[level] for level in levels])}}}}}".encode()


def _members(members: Mapping[str, str | None]) -> str:
    return json.dumps(members, separators=(",", ":"))[:-1]
