import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tidecast.errors import InvalidParameter
from tidecast.evaluation.gate import Verdict, coverage_bounds, defect, judge
from tidecast.forecasts import Floats
from tidecast.models.model import ReturnForecasts

COUNT = 336
MIN_T = 1.65
MakeReturns = Callable[..., ReturnForecasts]
Realised = Callable[..., Floats]


@pytest.fixture
def verdict_on(make_returns: MakeReturns, realised: Realised) -> Callable[..., Verdict]:
    """Judge forecasts of returns whose true deviation is 1 %; the random walk is 30 % too wide."""
    actual = realised(COUNT)

    def judged(challenger: ReturnForecasts, champion: ReturnForecasts | None = None) -> Verdict:
        baselines = {"random_walk": make_returns(COUNT, deviation=0.013)}
        return judge(challenger, champion, baselines, actual, MIN_T)

    return judged


def spoil(forecasts: ReturnForecasts, how: str) -> ReturnForecasts:
    quantiles, center = forecasts.quantiles.copy(), forecasts.center.copy()
    if how == "nan":
        quantiles[5, 0, 3] = np.nan
    elif how == "nan centre":
        center[0, 1] = np.nan
    elif how == "infinite":
        quantiles[5, 0, -1] = np.inf
    elif how == "crossed":
        quantiles[7, 1] = quantiles[7, 1, ::-1]
    elif how == "constant":
        quantiles[:] = 0.0
    elif how == "absurd":
        quantiles[0, 0, -1] = 3.5
    elif how == "centre outside":
        center[3, 2] = 0.5
    return replace(forecasts, quantiles=quantiles, center=center)


DEFECTS = {
    "nan": "not finite",
    "nan centre": "not finite",
    "infinite": "not finite",
    "crossed": "quantiles cross",
    "constant": "constant",
    "absurd": "3.0 in log return",
    "centre outside": "centre lies outside",
}


@pytest.mark.parametrize("how", DEFECTS)
def test_gate_refuses_broken_forecasts(
    how: str, make_returns: MakeReturns, verdict_on: Callable[..., Verdict]
) -> None:
    verdict = verdict_on(spoil(make_returns(COUNT), how))
    assert not verdict.passed
    assert DEFECTS[how] in verdict.reasons[0]


@pytest.mark.parametrize("how", DEFECTS)
def test_gate_lets_a_sane_challenger_replace_a_broken_champion(
    how: str, make_returns: MakeReturns, verdict_on: Callable[..., Verdict]
) -> None:
    verdict = verdict_on(make_returns(COUNT), spoil(make_returns(COUNT), how))
    assert verdict.passed
    assert "champion is broken and counts as beaten" in verdict.reasons[0]


def test_gate_finds_nothing_wrong_with_sane_forecasts(make_returns: MakeReturns) -> None:
    assert defect(make_returns(3)) is None


def test_gate_refuses_forecasts_with_other_levels(make_returns: MakeReturns) -> None:
    sane = make_returns(3)
    assert "shape" in str(defect(replace(sane, quantiles=sane.quantiles[..., 1:])))


@pytest.mark.parametrize(
    ("challenger", "champion", "passes"),
    [
        pytest.param(0.012, 0.010, False, id="worse"),
        pytest.param(0.010, 0.010, False, id="equal"),
        pytest.param(0.0100, 0.0101, False, id="better by noise"),
        pytest.param(0.010, 0.014, True, id="really better"),
    ],
)
def test_gate_asks_for_a_better_crps_than_the_champion(
    challenger: float,
    champion: float,
    passes: bool,
    make_returns: MakeReturns,
    verdict_on: Callable[..., Verdict],
) -> None:
    verdict = verdict_on(
        make_returns(COUNT, deviation=challenger), make_returns(COUNT, deviation=champion)
    )
    assert verdict.passed is passes
    if not passes:
        assert "not better than the champion beyond noise" in verdict.reasons[0]


def test_gate_refuses_noise_around_an_equal_champion(
    make_returns: MakeReturns, realised: Realised, random: np.random.Generator
) -> None:
    """Challengers that differ from the champion by luck pass about as often as the t says."""
    passed = 0
    walk = {"random_walk": make_returns(COUNT, deviation=0.013)}
    for _ in range(40):
        shifts = random.normal(0, 0.003, (2, COUNT, 1, 1))
        first, second = (
            replace(make_returns(COUNT), quantiles=make_returns(COUNT).quantiles + shift)
            for shift in shifts
        )
        passed += judge(first, second, walk, realised(COUNT), MIN_T).passed
    assert passed <= 6


def test_gate_accepts_a_first_model_as_good_as_the_random_walk(
    make_returns: MakeReturns, verdict_on: Callable[..., Verdict]
) -> None:
    assert verdict_on(make_returns(COUNT, deviation=0.013)).passed


def test_gate_refuses_a_first_model_worse_than_the_random_walk(
    make_returns: MakeReturns, verdict_on: Callable[..., Verdict]
) -> None:
    verdict = verdict_on(make_returns(COUNT, deviation=0.03))
    assert not verdict.passed
    assert "worse than random_walk beyond noise" in verdict.reasons[0]


def test_gate_refuses_a_first_model_without_a_random_walk_beside_it(
    make_returns: MakeReturns, realised: Realised
) -> None:
    verdict = judge(make_returns(COUNT), None, {}, realised(COUNT), MIN_T)
    assert not verdict.passed
    assert "neither a sound champion nor a sound random walk" in verdict.reasons[0]


def test_gate_refuses_a_challenger_worse_than_a_baseline_although_it_beats_the_champion(
    make_returns: MakeReturns, realised: Realised
) -> None:
    baselines = {"random_walk": make_returns(COUNT, deviation=0.02), "garch": make_returns(COUNT)}
    champion, challenger = (make_returns(COUNT, deviation=size) for size in (0.018, 0.014))
    verdict = judge(challenger, champion, baselines, realised(COUNT), MIN_T)
    assert verdict.reasons[0].startswith("worse than garch beyond noise")


@pytest.mark.parametrize(
    ("challenger", "passes"),
    [
        pytest.param(0.0122, True, id="a little worse than the random walk"),
        pytest.param(0.02, False, id="much worse than the random walk"),
    ],
)
def test_gate_takes_the_lesser_evil_when_the_champion_fails(
    challenger: float, passes: bool, make_returns: MakeReturns, realised: Realised
) -> None:
    walk = {"random_walk": make_returns(COUNT, deviation=0.010)}
    champion = make_returns(COUNT, deviation=0.04)
    contender = make_returns(COUNT, deviation=challenger)
    verdict = judge(contender, champion, walk, realised(COUNT), MIN_T)
    assert verdict.figures["against"]["random_walk"]["t"] < -MIN_T
    assert verdict.passed is passes, verdict.reasons
    assert passes or "worse than random_walk" in verdict.reasons[0]


def test_gate_asks_only_the_random_walk_when_there_is_no_champion(
    make_returns: MakeReturns, realised: Realised
) -> None:
    baselines = {"random_walk": make_returns(COUNT, deviation=0.02), "garch": make_returns(COUNT)}
    verdict = judge(make_returns(COUNT, deviation=0.0135), None, baselines, realised(COUNT), MIN_T)
    assert verdict.passed


def test_gate_refuses_bands_that_cover_too_little(
    make_returns: MakeReturns, realised: Realised
) -> None:
    """Bands half as wide, sharper than a champion that is biased."""
    champion = make_returns(COUNT, deviation=0.05)
    walk = {"random_walk": make_returns(COUNT, deviation=0.012)}
    narrow = make_returns(COUNT, deviation=0.006)
    verdict = judge(narrow, champion, walk, realised(COUNT), MIN_T)
    assert any("the 90 % band covered" in reason for reason in verdict.reasons)


def test_gate_forgives_coverage_that_is_no_worse_than_that_of_the_random_walk(
    make_returns: MakeReturns, realised: Realised
) -> None:
    """In a fortnight unlike any before, every band is off, and a first model is still needed."""
    same = make_returns(COUNT, deviation=0.006)
    assert judge(same, None, {"random_walk": same}, realised(COUNT), MIN_T).passed


def test_gate_refuses_to_judge_on_too_few_known_outcomes(
    make_returns: MakeReturns, realised: Realised
) -> None:
    actual = realised(COUNT)
    actual[8:] = np.nan
    walk = {"random_walk": make_returns(COUNT)}
    verdict = judge(make_returns(COUNT), None, walk, actual, MIN_T)
    assert verdict.reasons == [
        "only 8 cutoffs have a known outcome, 9 are needed to tell skill from luck"
    ]


def test_gate_refuses_to_compare_different_cutoffs(
    make_returns: MakeReturns, realised: Realised
) -> None:
    other = make_returns(COUNT + 1).take(slice(1, None))
    with pytest.raises(InvalidParameter, match="champion has forecasts"):
        judge(make_returns(COUNT), other, {}, realised(COUNT), MIN_T)


def test_gate_figures_are_json(
    make_returns: MakeReturns, verdict_on: Callable[..., Verdict]
) -> None:
    verdict = verdict_on(make_returns(COUNT), make_returns(COUNT, deviation=0.02))
    figures = json.loads(json.dumps(verdict.figures, allow_nan=False))
    assert figures["cutoffs"] == COUNT
    assert figures["against"]["champion"]["t"] > MIN_T
    assert set(figures["crps_bps"]) == {"challenger", "champion", "random_walk"}


def test_gate_weighs_steps_alike_whatever_their_size(make_returns: MakeReturns) -> None:
    """Ten times larger returns at the last step change no verdict."""
    factor = np.array([1.0, 1.0, 10.0])
    actual = np.random.default_rng(3).normal(0, 0.01, (COUNT, 3))

    def scaled(one: ReturnForecasts) -> ReturnForecasts:
        return replace(one, quantiles=one.quantiles * factor[:, None])

    models = [make_returns(COUNT, deviation=size) for size in (0.010, 0.012, 0.014)]
    plain = judge(models[0], models[1], {"random_walk": models[2]}, actual, MIN_T)
    larger = [scaled(model) for model in models]
    grown = judge(larger[0], larger[1], {"random_walk": larger[2]}, actual * factor, MIN_T)
    assert grown.figures["against"]["champion"]["t"] == pytest.approx(
        plain.figures["against"]["champion"]["t"]
    )


@pytest.mark.parametrize(
    ("percent", "cutoffs", "step", "low", "high"),
    [(90, 336, 1, 0.8009, 0.9991), (50, 336, 1, 0.3682, 0.6318), (90, 336, 24, 0.6095, 1.0)],
)
def test_coverage_bounds_widen_with_overlap(
    percent: int, cutoffs: int, step: int, low: float, high: float
) -> None:
    assert coverage_bounds(percent, cutoffs, step) == pytest.approx((low, high), abs=1e-4)
