"""Calendar terms: Fourier pairs over the week and the day, known for every future instant."""

import numpy as np
import pandas as pd

from tidecast.forecasts import Floats

WEEK_HARMONICS = (1, 2)
DAY_HARMONICS = (1, 2)
TERMS = 2 * (len(WEEK_HARMONICS) + len(DAY_HARMONICS))


def fourier_terms(ends: pd.DatetimeIndex) -> Floats:
    """Sines and cosines of the hour of week and of day, shape ``(n, TERMS)``."""
    day = (np.asarray(ends.hour) + np.asarray(ends.minute) / 60) / 24
    week = (np.asarray(ends.day_of_week) + day) / 7
    phases = [k * week for k in WEEK_HARMONICS] + [k * day for k in DAY_HARMONICS]
    return np.column_stack(
        [wave(2 * np.pi * phase) for phase in phases for wave in (np.sin, np.cos)]
    )
