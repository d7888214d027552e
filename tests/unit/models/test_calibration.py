import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from tidecast.errors import ArtefactInvalid
from tidecast.forecasts import LEVELS, mean_of
from tidecast.models.calibration import NOMINAL, PAIRS, RATE, Calibration

NORMAL = norm.ppf(LEVELS)
HALF = LEVELS.index(0.75) - PAIRS - 1
"""Position of the central half among the bands."""
BANDS = {coverage: int(np.argmin(np.abs(NOMINAL - coverage))) for coverage in (0.5, 0.8, 0.9)}
SETTLED = 6000
"""Outcomes after which even a band of half or twice its width has found its place."""

widenings = arrays(np.float64, (2, PAIRS), elements=st.floats(-50, 50))
steepness = st.floats(1e-6, 10)


def _run(calibration, raw, actuals, step=1):
    """Serve and learn one outcome after another; tells which bands held which outcome."""
    inside = np.empty((len(actuals), PAIRS), dtype=bool)
    for i, actual in enumerate(actuals):
        served = calibration.corrected(raw)[step - 1]
        lower, upper = served[PAIRS - 1 :: -1], served[PAIRS + 1 :]
        inside[i] = (lower <= actual) & (actual <= upper)
        calibration.update([step], served[None], np.array([actual]))
    return inside


def test_initial_calibration_changes_nothing():
    quantiles = np.tile(0.01 * NORMAL, (3, 4, 1))
    corrected = Calibration.initial(4).corrected(quantiles)
    np.testing.assert_allclose(corrected, quantiles, rtol=0, atol=1e-17)


def test_served_distribution_is_centered_on_the_price(returns_of):
    forecasts = returns_of(np.tile(0.2 * NORMAL, (3, 4, 1)))
    served = Calibration.initial(4).apply(forecasts)
    np.testing.assert_allclose(mean_of(np.exp(served.quantiles)), 1.0, rtol=1e-14)
    moved = served.quantiles - forecasts.quantiles
    np.testing.assert_allclose(moved, -0.5 * 0.2**2, rtol=0.02)


def test_served_distribution_around_a_center_has_its_mean_there(returns_of):
    forecasts = returns_of(np.tile(0.2 * NORMAL, (3, 4, 1)))
    served = Calibration.initial(4).apply(replace(forecasts, center=np.full((3, 4), 0.01)))
    np.testing.assert_allclose(mean_of(np.exp(served.quantiles)), np.exp(0.01), rtol=1e-14)


@given(widenings, steepness, st.floats(-1, 1))
def test_corrected_quantiles_never_cross_and_keep_their_median(widening, deviation, center):
    raw = center + deviation * np.stack([NORMAL, 2 * NORMAL])
    corrected = Calibration(widening).corrected(raw)
    assert corrected.shape == raw.shape
    assert (np.diff(corrected, axis=-1) >= 0).all()
    np.testing.assert_array_equal(corrected[:, PAIRS], raw[:, PAIRS])


@given(widenings)
def test_corrected_batch_has_the_bits_of_each_forecast_alone(widening):
    calibration = Calibration(widening)
    raw = np.stack([scale * np.stack([NORMAL, 2 * NORMAL]) for scale in (0.001, 0.01, 0.02)])
    together = calibration.corrected(raw)
    alone = np.stack([calibration.corrected(one) for one in raw])
    np.testing.assert_array_equal(together, alone)


def test_corrected_moves_each_band_by_its_share_of_the_central_half():
    calibration = Calibration(np.full((1, PAIRS), 0.2))
    raw = 0.01 * NORMAL[None]
    central_half = 0.01 * (norm.ppf(0.75) - norm.ppf(0.25))
    corrected = calibration.corrected(raw)
    np.testing.assert_allclose(corrected[0, PAIRS + 1 :], raw[0, PAIRS + 1 :] + 0.1 * central_half)
    np.testing.assert_allclose(corrected[0, :PAIRS], raw[0, :PAIRS] - 0.1 * central_half)


def test_apply_leaves_the_forecasts_it_was_given_and_their_centre_alone(returns_of):
    forecasts = returns_of(np.tile(0.01 * NORMAL, (2, 3, 1)))
    before = forecasts.quantiles.copy()
    corrected = Calibration(np.ones((3, PAIRS))).apply(forecasts)
    np.testing.assert_array_equal(forecasts.quantiles, before)
    np.testing.assert_array_equal(corrected.center, forecasts.center)
    assert not np.array_equal(corrected.quantiles, before)


def test_update_widens_after_a_miss_and_narrows_after_a_hit():
    served = NORMAL[None]
    missed, held = Calibration.initial(1), Calibration.initial(1)
    missed.update([1], served, np.array([9.0]))
    held.update([1], served, np.array([0.0]))
    np.testing.assert_allclose(missed.widening[0], RATE * NOMINAL)
    np.testing.assert_allclose(held.widening[0], RATE * (NOMINAL - 1))


@pytest.mark.parametrize("factor", [0.5, 2.0], ids=["too narrow", "too wide"])
def test_coverage_finds_its_nominal_value_however_wrong_the_band_was(factor, random):
    raw, actuals = 0.01 * factor * NORMAL[None], 0.01 * random.standard_normal(2 * SETTLED)
    inside = _run(Calibration.initial(1), raw, actuals)
    for coverage, band in BANDS.items():
        deviation = np.sqrt(coverage * (1 - coverage) / SETTLED)
        assert inside[SETTLED:, band].mean() == pytest.approx(coverage, abs=3 * deviation + 0.005)


def test_coverage_over_all_time_is_off_by_no_more_than_the_widening_says(random):
    calibration = Calibration.initial(1)
    actuals = 0.01 * random.standard_t(2, 1500) * np.linspace(0.2, 3.0, 1500)
    inside = _run(calibration, 0.01 * NORMAL[None], actuals)
    expected = NOMINAL - calibration.widening[0] / (RATE * len(actuals))
    np.testing.assert_allclose(inside.mean(axis=0), expected, atol=1e-9)


def test_band_of_a_sound_model_hardly_moves(random):
    calibration = Calibration.initial(1)
    _run(calibration, 0.01 * NORMAL[None], 0.01 * random.standard_normal(SETTLED))
    assert np.abs(calibration.widening).max() < 0.3


@pytest.mark.parametrize("actual", [0.2, -0.2, 0.0])
def test_long_run_of_the_same_outcome_leaves_a_finite_ordered_band(actual):
    calibration = Calibration.initial(1)
    _run(calibration, 0.01 * NORMAL[None], [actual] * 5000)
    corrected = calibration.corrected(0.01 * NORMAL[None])
    assert np.isfinite(corrected).all()
    assert (np.diff(corrected) >= 0).all()
    assert np.abs(corrected).max() < 0.3


def test_long_run_of_misses_stops_widening_once_the_band_holds_the_outcome():
    calibration = Calibration.initial(1)
    raw, far = 0.01 * NORMAL[None], 0.2
    _run(calibration, raw, [far] * 6000)
    needed = (far - raw[0, PAIRS + 1 :]) / (0.005 * 2 * norm.ppf(0.75))
    assert (calibration.widening[0] <= needed + RATE).all()


def test_band_opens_again_soon_after_a_price_that_stood_still(random):
    calibration, raw = Calibration.initial(1), 0.01 * NORMAL[None]
    _run(calibration, raw, [0.0] * 8000)
    assert calibration.corrected(raw)[0, PAIRS + HALF + 1] == 0.0
    inside = _run(calibration, raw, 0.01 * random.standard_normal(2000))
    assert inside[1000:, BANDS[0.5]].mean() == pytest.approx(0.5, abs=0.06)


def test_long_step_moves_less_than_a_short_one():
    calibration = Calibration.initial(24)
    calibration.update([1, 24], np.stack([NORMAL, NORMAL]), np.array([9.0, 9.0]))
    np.testing.assert_allclose(calibration.widening[23], calibration.widening[0] / 24)
    assert not calibration.widening[1:23].any()


def test_update_does_not_depend_on_the_order_of_different_steps(random):
    steps, actuals = np.arange(1, 9), random.normal(0, 1.5, 8)
    served = np.tile(NORMAL, (8, 1)) * np.sqrt(steps)[:, None]
    together, shuffled, one_by_one = (Calibration.initial(8) for _ in range(3))
    together.update(steps, served, actuals)
    order = random.permutation(8)
    shuffled.update(steps[order], served[order], actuals[order])
    for i in order:
        one_by_one.update(steps[i : i + 1], served[i : i + 1], actuals[i : i + 1])
    for other in (shuffled, one_by_one):
        np.testing.assert_array_equal(other.widening, together.widening)


@given(arrays(np.float64, (3, PAIRS), elements=st.floats(-1e300, 1e300)))
def test_json_gives_the_state_back_bit_for_bit(widening):
    calibration = Calibration(widening)
    again = Calibration.from_json(calibration.to_json())
    assert again.widening.tobytes() == calibration.widening.tobytes()
    assert again.to_json() == calibration.to_json()


def _state(value):
    return json.dumps({"widening": value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "{}",
        _state(None),
        _state("wide"),
        _state([0.0] * PAIRS),
        _state([[0.0] * (PAIRS - 1)]),
        _state([[0.0] * PAIRS, [0.0]]),
        _state([[[0.0]] * PAIRS]),
        _state([[float("nan")] * PAIRS]),
        _state([[float("inf")] * PAIRS]),
        _state([["a"] * PAIRS]),
        _state([[None] * PAIRS]),
        _state([[{}] * PAIRS]),
        _state([[10**400] * PAIRS]),
        "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_json_of_another_shape_is_refused(text):
    with pytest.raises(ArtefactInvalid, match="calibration state"):
        Calibration.from_json(text)
