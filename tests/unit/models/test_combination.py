import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecast.models.combination import center_weights

ROWS, HORIZON = 4000, 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(1e-4, 1e3))
def test_weights_are_not_negative_and_sum_to_at_most_one(seed, members, size):
    random = np.random.default_rng(seed)
    returns = random.standard_t(3, (60, HORIZON))
    centers = size * (random.standard_t(3, (members, 60, HORIZON)) + random.normal() * returns)
    weights = center_weights(centers, returns, np.ones((60, HORIZON)))
    assert weights.shape == (members,)
    assert (weights >= 0).all()
    assert weights.sum() <= 1 + 1e-12


@pytest.mark.parametrize("seed", range(20))
def test_weight_of_noise_is_nearly_always_zero(seed):
    returns, noise = np.random.default_rng(seed).standard_normal((2, ROWS, HORIZON))
    weights = center_weights(noise[None], returns, np.ones((ROWS, HORIZON)))
    assert weights[0] < 0.02


def test_weight_of_a_true_signal_is_what_least_squares_gives(random):
    signal, noise = random.standard_normal((2, ROWS, HORIZON))
    weights = center_weights(0.5 * signal[None], 0.4 * signal + noise, np.ones((ROWS, HORIZON)))
    assert weights[0] == pytest.approx(0.8, rel=0.1)


def test_weight_of_a_gain_within_noise_is_zero(random):
    """Two standard errors are asked for; this gain has about one."""
    signal, noise = random.standard_normal((2, 400, HORIZON))
    weights = center_weights(signal[None], 0.03 * signal + noise, np.ones((400, HORIZON)))
    assert weights[0] == 0.0


def test_weight_of_a_contrary_signal_is_zero(random):
    signal = random.standard_normal((ROWS, HORIZON))
    assert center_weights(-signal[None], signal, np.ones((ROWS, HORIZON))).tolist() == [0.0]


def test_weights_tell_a_signal_from_noise_beside_it(random):
    signal, noise, rest = random.standard_normal((3, ROWS, HORIZON))
    weights = center_weights(np.stack([noise, signal]), signal + rest, np.ones((ROWS, HORIZON)))
    assert weights[1] > 10 * weights[0]


def test_weights_leave_unknown_outcomes_out(random):
    signal, noise = random.standard_normal((2, ROWS, HORIZON))
    returns, scale = signal + noise, np.ones((ROWS, HORIZON))
    with_holes, far = returns.copy(), signal.copy()
    with_holes[::7] = np.nan
    far[::7] = 1e6
    kept = np.arange(ROWS) % 7 != 0
    expected = center_weights(signal[None, kept], returns[kept], scale[kept])
    np.testing.assert_array_equal(center_weights(far[None], with_holes, scale), expected)


def test_weights_of_silent_centres_are_zero(random):
    returns = random.standard_normal((ROWS, HORIZON))
    silent = np.zeros((2, ROWS, HORIZON))
    assert center_weights(silent, returns, np.ones((ROWS, HORIZON))).tolist() == [0.0, 0.0]


def test_weights_count_wild_hours_no_more_than_calm_ones(random):
    """Errors are standardised: a contrary signal in wild hours does not outweigh the calm ones."""
    signal = random.standard_normal((ROWS, 1))
    wild = (np.arange(ROWS) % 4 == 0)[:, None]
    returns = np.where(wild, -100 * signal, signal)
    deviations = np.where(wild, 100.0, 1.0)
    assert center_weights(signal[None], returns, deviations)[0] > 0.45
