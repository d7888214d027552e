"""Gradient boosting over all steps at once: the step is a feature, the rows are stacked."""

from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor

from tidecast.errors import ArtefactInvalid
from tidecast.features.matrix import Matrix
from tidecast.forecasts import Floats

TRUSTED_TYPES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""The only type beyond skops' own list that an artefact may hold."""


def new_boosting(seed: int, trees: int = 120) -> HistGradientBoostingRegressor:
    """Unfitted boosting with the settings chosen on 2024."""
    return HistGradientBoostingRegressor(
        max_iter=trees,
        learning_rate=0.05,
        max_leaf_nodes=12,
        min_samples_leaf=250,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def sample_steps(
    matrix: Matrix, targets: Floats, per_row: int, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Stack rows with randomly drawn steps.

    Args:
        matrix: features, ``n`` rows.
        targets: shape ``(n, horizon)``; rows with NaN at the drawn step are left out.
        per_row: steps drawn for each row.
        random: source of the draw.

    Returns:
        Inputs ``(m, features + 4)`` and targets ``(m,)``.
    """
    rows = np.repeat(np.arange(len(matrix)), per_row)
    steps = random.integers(1, targets.shape[1] + 1, size=len(rows))
    left = targets[rows, steps - 1]
    known = ~np.isnan(left)
    return _inputs(matrix, rows[known], steps[known]), left[known]


def predict_steps(boosting: HistGradientBoostingRegressor, matrix: Matrix, horizon: int) -> Floats:
    """Predictions for every row and step, shape ``(rows, horizon)``."""
    rows = np.repeat(np.arange(len(matrix)), horizon)
    steps = np.tile(np.arange(1, horizon + 1), len(matrix))
    predicted = boosting.predict(_inputs(matrix, rows, steps))
    return np.asarray(predicted).reshape(len(matrix), horizon)


def boosting_to_bytes(boosting: HistGradientBoostingRegressor) -> Any:
    """The fitted boosting in skops' format, as an array of bytes."""
    return np.frombuffer(skops.io.dumps(boosting), dtype=np.uint8)


def boosting_from_bytes(content: Any) -> HistGradientBoostingRegressor:
    """Read a boosting back; types beyond ``TRUSTED_TYPES`` are refused, so no code runs.

    Raises:
        ArtefactInvalid: the content is not such a boosting.
    """
    try:
        boosting = skops.io.loads(content.tobytes(), trusted=TRUSTED_TYPES)
    except Exception as error:  # skops raises many kinds, zipfile's and its own among them
        raise ArtefactInvalid(f"boosting cannot be read: {error}") from error
    if not isinstance(boosting, HistGradientBoostingRegressor):
        raise ArtefactInvalid(f"expected a boosting, found {type(boosting).__name__}")
    return boosting


def _inputs(matrix: Matrix, rows: Any, steps: Any) -> Floats:
    hours, weekdays = matrix.hour[rows], matrix.weekday[rows]
    return np.column_stack(
        [matrix.values[rows], hours, weekdays * 24 + hours, steps, (hours + steps) % 24]
    ).astype(np.float64)
