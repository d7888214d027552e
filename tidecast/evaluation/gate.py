"""Whether a challenger may replace the champion. Pure: it sees forecasts and what happened.

Every model is judged on the same cutoffs. The loss of a cutoff is the mean over its known steps of
the CRPS, each step divided by the mean size of its return, so that step 1 counts as much as the
last one although its returns are smaller.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidecast.errors import InvalidParameter
from tidecast.evaluation import metrics
from tidecast.evaluation.metrics import DieboldMariano
from tidecast.forecasts import LEVELS, MAX_RETURN, Floats
from tidecast.models.ladder import JUDGED_HORIZONS
from tidecast.models.model import ReturnForecasts

MIN_SKILL = 0.002
"""CRPS skill below which a swap is not worth it. Two fits that differ by a hair in width lose
differently all through a calm fortnight, so ``t`` alone takes that for skill."""

TOLERATED_SHARE = 0.5
MAX_TOLERATED_LOSS = 0.1
"""When the champion is itself worse than the random walk beyond noise, a challenger may be worse
than a baseline by so large a share of the champion's own loss, and by no more than the maximum:
refusing it would keep the greater evil in force. A model fitted on a hundred days was 8 % worse
than the random walk in a calm fortnight of 2019, beside a broken champion at 100 %."""

COVERAGE_SLACK = 0.05
COVERAGE_ERRORS = 3.0
"""Coverage may be ``SLACK`` plus so many standard errors away from nominal.

Measured on 336-hour windows of BTC and ETH, 2020 to 2025: EWMA-scaled bands stay inside in more
than 99 % of windows at steps 1, 6 and 24."""

JUDGED_BANDS = (50, 90)
RANDOM_WALK = "random_walk"


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Attributes:
        passed: whether the challenger may become champion.
        reasons: why not, in plain words; or what speaks for it when it passed.
        figures: everything that was compared, JSON-able.
    """

    passed: bool
    reasons: list[str]
    figures: dict[str, Any]


def judge(
    challenger: ReturnForecasts,
    champion: ReturnForecasts | None,
    baselines: Mapping[str, ReturnForecasts],
    actual_returns: Floats,
    min_t: float,
) -> Verdict:
    """Judge a challenger.

    It passes when its forecasts are sane (``defect``), its coverage is sane, its CRPS beats the
    champion's beyond noise and by ``MIN_SKILL``, and is not worse than any baseline's beyond noise.
    A champion whose own forecasts are defective counts as none. Without a champion anything that is
    not worse than the random walk beyond noise is better than no forecast, so only the random walk
    is asked. Against a champion that is worse than the random walk beyond noise the bar of the
    baselines is lowered, see ``TOLERATED_SHARE``.

    Args:
        challenger: its forecasts at ``n`` recent cutoffs that it was not fitted on.
        champion: those of the model in force at the same cutoffs, None when there is none.
        baselines: those of the baselines at the same cutoffs, by name.
        actual_returns: shape ``(n, horizon)``, NaN where unknown.
        min_t: Diebold-Mariano t from which a difference counts as more than noise.

    Raises:
        InvalidParameter: the forecasts are not of the same cutoffs as the actual returns.
    """
    rivals = dict(baselines) if champion is None else {**baselines, "champion": champion}
    _check_aligned({**rivals, "challenger": challenger}, actual_returns)
    n, horizon = actual_returns.shape
    known = int(np.isfinite(actual_returns).any(axis=1).sum())
    figures: dict[str, Any] = {"cutoffs": known, "horizon": horizon, "min_t": min_t}
    if known < JUDGED_HORIZONS * horizon:
        return Verdict(False, [_too_few(known, horizon)], figures)
    if found := defect(challenger):
        return Verdict(False, [f"the challenger's forecasts are broken: {found}"], figures)
    broken = {name: found for name, rival in rivals.items() if (found := defect(rival))}
    figures["broken"] = broken
    sound = {name: rival for name, rival in rivals.items() if name not in broken}
    figures |= _compare(challenger, sound, actual_returns)
    figures["coverage"] = _coverage_figures(challenger, sound.get(RANDOM_WALK), actual_returns)
    against = _objections(figures)
    return Verdict(not against, against or _merits(figures), figures)


def defect(forecasts: ReturnForecasts) -> str | None:
    """What is wrong with return forecasts that no honest model makes, or None."""
    quantiles, center = forecasts.quantiles, forecasts.center
    if quantiles.shape != (*center.shape, len(LEVELS)):
        return f"quantiles have shape {quantiles.shape}, expected {(*center.shape, len(LEVELS))}"
    if not (np.isfinite(quantiles).all() and np.isfinite(center).all()):
        return "a value is not finite"
    if (np.diff(quantiles, axis=-1) < 0).any():
        return "quantiles cross"
    if (quantiles[..., -1] <= quantiles[..., 0]).any():
        return "quantiles are constant: a band has no width"
    if max(abs(quantiles[..., 0].min()), abs(quantiles[..., -1].max())) > MAX_RETURN:
        return f"a quantile is more than {MAX_RETURN} in log return from the close"
    if (center < quantiles[..., 0]).any() or (center > quantiles[..., -1]).any():
        return "a centre lies outside its quantiles"
    return None


def coverage_bounds(percent: int, cutoffs: int, step: int) -> tuple[float, float]:
    """Sane coverage of a band, widened by the noise of ``cutoffs / step`` independent points."""
    share = percent / 100
    noise = COVERAGE_ERRORS * math.sqrt(share * (1 - share) * step / cutoffs)
    return max(0.0, share - COVERAGE_SLACK - noise), min(1.0, share + COVERAGE_SLACK + noise)


def _check_aligned(forecasts: Mapping[str, ReturnForecasts], actual_returns: Floats) -> None:
    cutoffs = forecasts["challenger"].cutoffs
    for name, one in forecasts.items():
        if one.center.shape != actual_returns.shape or not one.cutoffs.equals(cutoffs):
            raise InvalidParameter(
                f"{name} has forecasts of shape {one.center.shape} at its own cutoffs",
                field=name,
                allowed=f"the challenger's cutoffs, shape {actual_returns.shape}",
            )


def _too_few(known: int, horizon: int) -> str:
    needed = JUDGED_HORIZONS * horizon
    return f"only {known} cutoffs have a known outcome, {needed} are needed to tell skill from luck"


def _compare(
    challenger: ReturnForecasts, rivals: Mapping[str, ReturnForecasts], actual_returns: Floats
) -> dict[str, Any]:
    """CRPS of every model in basis points, and the test of each rival against the challenger."""
    scores = {
        name: metrics.crps(one.quantiles, LEVELS, actual_returns)
        for name, one in {"challenger": challenger, **rivals}.items()
    }
    losses = {name: _cutoff_losses(score, actual_returns) for name, score in scores.items()}
    horizon = actual_returns.shape[1]
    failing = None
    if {"champion", RANDOM_WALK} <= losses.keys():
        failing = _comparison(losses["champion"], losses[RANDOM_WALK], horizon)
    return {
        "champion_against_random_walk": failing,
        "crps_bps": {name: 1e4 * metrics.mean_of_known(s.ravel()) for name, s in scores.items()},
        "against": {
            name: _comparison(losses["challenger"], losses[name], horizon) for name in rivals
        },
    }


def _cutoff_losses(scores: Floats, actual_returns: Floats) -> Floats:
    known = np.isfinite(actual_returns)
    sizes = np.where(known, np.abs(actual_returns), 0.0).sum(axis=0) / known.sum(axis=0).clip(1)
    scaled = np.where(known, scores / np.where(sizes > 0, sizes, 1.0), 0.0)
    steps = known.sum(axis=1)
    return np.where(steps > 0, scaled.sum(axis=1) / steps.clip(1), np.nan)


def _comparison(challenger: Floats, rival: Floats, horizon: int) -> dict[str, float]:
    """``t`` above zero means that the challenger is better."""
    test: DieboldMariano = metrics.diebold_mariano(rival, challenger, horizon)
    own, other = metrics.mean_of_known(challenger), metrics.mean_of_known(rival)
    skill = 1 - own / other if other > 0 else 0.0
    return {"skill": skill, "t": _json_number(test.t), "p": _json_number(test.p)}


def _json_number(value: float) -> float:
    """JSON has no infinity; a difference that never changes is as sure as a t of a million."""
    return math.copysign(1e6, value) if math.isinf(value) else value


def _coverage_figures(
    challenger: ReturnForecasts, random_walk: ReturnForecasts | None, actual_returns: Floats
) -> list[dict[str, Any]]:
    """One row per judged band and step."""
    return [
        _coverage_row(percent, step, challenger, random_walk, actual_returns[:, step - 1])
        for percent in JUDGED_BANDS
        for step in range(1, actual_returns.shape[1] + 1)
        if np.isfinite(actual_returns[:, step - 1]).any()
    ]


def _coverage_row(
    percent: int,
    step: int,
    challenger: ReturnForecasts,
    random_walk: ReturnForecasts | None,
    actual: Floats,
) -> dict[str, Any]:
    share = _coverage(challenger, percent, step, actual)
    low, high = coverage_bounds(percent, int(np.isfinite(actual).sum()), step)
    baseline = None if random_walk is None else _coverage(random_walk, percent, step, actual)
    nominal = percent / 100
    as_good = baseline is not None and abs(share - nominal) <= abs(baseline - nominal)
    return {
        "band": percent,
        "step": step,
        "coverage": share,
        "low": low,
        "high": high,
        "random_walk": baseline,
        "sane": low <= share <= high or as_good,
    }


def _coverage(forecasts: ReturnForecasts, percent: int, step: int, actual: Floats) -> float:
    low, high = metrics.band(forecasts.quantiles[:, step - 1], LEVELS, percent)
    return metrics.coverage(low, high, actual)


def _objections(figures: dict[str, Any]) -> list[str]:
    min_t, against = figures["min_t"], figures["against"]
    champion = against.get("champion")
    asked = [RANDOM_WALK] if champion is None else [name for name in against if name != "champion"]
    failing = figures["champion_against_random_walk"]
    tolerated = 0.0
    if failing is not None and failing["t"] <= -min_t:
        tolerated = min(MAX_TOLERATED_LOSS, -TOLERATED_SHARE * failing["skill"])
    found = [
        f"worse than {name} beyond noise: CRPS {-row['skill']:.1%} higher, t = {row['t']:.1f}"
        for name, row in against.items()
        if name in asked and not row["t"] > -min_t and not row["skill"] >= -tolerated
    ]
    if champion is None and RANDOM_WALK not in against:
        found.append("there is neither a sound champion nor a sound random walk to compare with")
    if champion is not None and not (champion["t"] >= min_t and champion["skill"] >= MIN_SKILL):
        found.append(
            f"not better than the champion beyond noise: CRPS skill {champion['skill']:+.2%}, "
            f"needed {MIN_SKILL:.1%}; t = {champion['t']:.1f}, needed {min_t:g}"
        )
    return found + _coverage_objections(figures["coverage"])


def _coverage_objections(rows: list[dict[str, Any]]) -> list[str]:
    """The worst step of each band stands for all."""
    found = []
    for percent in JUDGED_BANDS:
        insane = [row for row in rows if row["band"] == percent and not row["sane"]]
        if insane:
            worst = max(insane, key=lambda row: abs(row["coverage"] - percent / 100))
            found.append(
                f"the {percent} % band covered {worst['coverage']:.1%} at step {worst['step']}, "
                f"sane is {worst['low']:.1%} to {worst['high']:.1%} ({len(insane)} steps are off)"
            )
    return found


def _merits(figures: dict[str, Any]) -> list[str]:
    broken = figures["broken"]
    merits = [f"{name} is broken and counts as beaten: {found}" for name, found in broken.items()]
    return merits + [
        f"CRPS skill against {name} {row['skill']:+.2%}, t = {row['t']:.1f}"
        for name, row in figures["against"].items()
    ]
