import math

import numpy as np
import pandas as pd
import pytest

from tidecast.features.seasons import TERMS, fourier_terms

MONDAY = pd.Timestamp("2024-01-01 00:00", tz="UTC")
MINUTES_OF_DAY, MINUTES_OF_WEEK = 1440, 10_080


@pytest.mark.parametrize("step", ["5min", "1h", "1D"])
def test_fourier_terms_equal_a_naive_loop(step):
    ends = pd.date_range(MONDAY, periods=300, freq=step)
    got = fourier_terms(ends)
    assert got.shape == (300, TERMS)
    for row, end in zip(got, ends, strict=True):
        minutes = (end - MONDAY).total_seconds() / 60
        angles = [2 * math.pi * k * minutes / MINUTES_OF_WEEK for k in (1, 2)]
        angles += [2 * math.pi * k * minutes / MINUTES_OF_DAY for k in (1, 2)]
        expected = [wave(angle) for angle in angles for wave in (math.sin, math.cos)]
        np.testing.assert_allclose(row, expected, atol=1e-9)


def test_fourier_terms_come_back_after_a_week():
    ends = pd.date_range(MONDAY, periods=48, freq="1h")
    np.testing.assert_array_equal(
        fourier_terms(ends), fourier_terms(ends + pd.Timedelta(days=7 * 30))
    )


def test_fourier_terms_of_one_instant_have_the_bits_of_the_batch():
    ends = pd.date_range(MONDAY, periods=200, freq="1h")
    alone = np.concatenate([fourier_terms(ends[i : i + 1]) for i in range(len(ends))])
    np.testing.assert_array_equal(fourier_terms(ends), alone)
