"""The figures of one model at one step of a backtest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidecast.evaluation import metrics
from tidecast.evaluation.exceedance import christoffersen, kupiec
from tidecast.evaluation.metrics import BANDS, Bools
from tidecast.evaluation.regimes import TERCILES, worst_coverage
from tidecast.forecasts import LEVELS, Floats

BPS = 1e4
PIT_BINS = 20
PINBALL_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Rivals:
    """CRPS per cutoff, shape ``(n,)``: of the model itself and of the references by name."""

    own: Floats
    references: dict[str, Floats]


def center_figures(center: Floats, actual: Floats, step: int) -> dict[str, Any]:
    """What can be said of a centre: shape ``(n,)``, log returns."""
    error = np.abs(actual - center)
    direction = metrics.directional_accuracy(center, actual, overlap=step)
    return {
        "n": int(np.isfinite(actual).sum()),
        "mae_bps": BPS * metrics.mean_of_known(error),
        "mase": metrics.mase(error, np.abs(actual)),
        "directional_accuracy": direction._asdict(),
    }


def distribution_figures(
    quantiles: Floats,
    actual: Floats,
    rivals: Rivals,
    terciles: NDArray[np.int8],
    *,
    step: int,
    week: int,
) -> dict[str, Any]:
    """What can be said of a distribution.

    Args:
        quantiles: shape ``(n, len(LEVELS))``, log returns.
        actual: shape ``(n,)``, NaN where unknown.
        rivals: losses on the same cutoffs.
        terciles: shape ``(n,)``, the regime of each cutoff.
        step: 1..horizon.
        week: cutoffs in seven days.
    """
    known = np.isfinite(actual)
    pits = metrics.pit(quantiles, LEVELS, actual)
    return {
        "crps_bps": BPS * metrics.mean_of_known(rivals.own),
        "skill": {name: _skill(rivals.own, other) for name, other in rivals.references.items()},
        "diebold_mariano": {
            name: _test(rivals.own, other, step) for name, other in rivals.references.items()
        },
        "pinball_bps": _pinballs(quantiles, actual),
        **_bands(quantiles[known], actual[known], week),
        "exceedance_95": _exceedance(quantiles[known][::step], actual[known][::step]),
        "pit": np.histogram(pits[known], PIT_BINS, (0.0, 1.0))[0].tolist(),
        "terciles": _tercile_table(quantiles, actual, rivals, terciles),
    }


def _skill(own: Floats, reference: Floats) -> float:
    known = np.isfinite(own) & np.isfinite(reference)
    base = metrics.mean_of_known(reference[known])
    return 1 - metrics.mean_of_known(own[known]) / base if base > 0 else np.nan


def _test(own: Floats, reference: Floats, step: int) -> dict[str, float]:
    test = metrics.diebold_mariano(reference, own, step)
    return {"difference_bps": BPS * test.mean_difference, "t": test.t, "p": test.p}


def _pinballs(quantiles: Floats, actual: Floats) -> dict[str, float]:
    columns = metrics.level_columns(LEVELS, PINBALL_LEVELS)
    return {
        f"{level:g}": BPS
        * metrics.mean_of_known(metrics.pinball(quantiles[:, column], level, actual))
        for level, column in zip(PINBALL_LEVELS, columns, strict=True)
    }


def _bands(quantiles: Floats, actual: Floats, week: int) -> dict[str, Any]:
    edges = {percent: metrics.band(quantiles, LEVELS, percent) for percent in BANDS}
    return {
        "coverage": {str(p): metrics.coverage(*edges[p], actual) for p in BANDS},
        "width_bps": {
            str(p): BPS * metrics.mean_of_known(high - low) for p, (low, high) in edges.items()
        },
        "winkler_bps": {
            str(p): BPS * metrics.mean_of_known(metrics.winkler(*edges[p], actual, p))
            for p in BANDS
        },
        "worst_week_90": worst_coverage(metrics.covered(*edges[90], actual), week),
    }


def _exceedance(quantiles: Floats, actual: Floats) -> dict[str, float]:
    missed: Bools = ~metrics.covered(*metrics.band(quantiles, LEVELS, 95), actual)
    return {
        "n": len(missed),
        "misses": int(missed.sum()),
        "kupiec_p": kupiec(missed, 0.05).p,
        "christoffersen_p": christoffersen(missed, 0.05).p,
    }


def _tercile_table(
    quantiles: Floats, actual: Floats, rivals: Rivals, terciles: NDArray[np.int8]
) -> list[dict[str, Any]]:
    rows = []
    for position, regime in enumerate(TERCILES):
        chosen = (terciles == position) & np.isfinite(actual)
        figures = _bands(quantiles[chosen], actual[chosen], 0)
        rows.append(
            {
                "regime": regime,
                "n": int(chosen.sum()),
                "crps_bps": BPS * metrics.mean_of_known(rivals.own[chosen]),
                "skill": {
                    name: _skill(rivals.own[chosen], other[chosen])
                    for name, other in rivals.references.items()
                },
                "coverage": figures["coverage"],
                "width_bps": figures["width_bps"],
            }
        )
    return rows
