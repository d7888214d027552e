"""Gradient boosting over all steps at once: the step is a feature, the rows are stacked."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import ThreadpoolController

from tidecast.errors import ArtefactInvalid
from tidecast.features.matrix import Matrix
from tidecast.forecasts import Floats

TRUSTED_TYPES = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
"""The only type beyond skops' own list that an artefact may hold."""
CENTER_TREES_SHARE = 0.6


@dataclass(frozen=True)
class BoostingParameters:
    """Settings of the boostings of an ensemble, as scikit-learn names them.

    The defaults were chosen on 2024 and the first three quarters of 2025.

    Attributes:
        trees: of the scale; the centre has ``CENTER_TREES_SHARE`` of them.
    """

    trees: int = 100
    learning_rate: float = 0.05
    max_leaf_nodes: int = 12
    min_samples_leaf: int = 400
    l2_regularization: float = 1.0

    @property
    def center_trees(self) -> int:
        """Trees of the centre."""
        return max(1, round(CENTER_TREES_SHARE * self.trees))


CHOSEN = BoostingParameters()


def new_boosting(
    seed: int, trees: int | None = None, parameters: BoostingParameters = CHOSEN
) -> HistGradientBoostingRegressor:
    """Unfitted boosting; ``trees`` stands in for those of the parameters."""
    return HistGradientBoostingRegressor(
        max_iter=parameters.trees if trees is None else trees,
        learning_rate=parameters.learning_rate,
        max_leaf_nodes=parameters.max_leaf_nodes,
        min_samples_leaf=parameters.min_samples_leaf,
        l2_regularization=parameters.l2_regularization,
        early_stopping=False,
        random_state=seed,
    )


def sample_steps(
    matrix: Matrix, targets: Floats, per_row: int, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Stack rows with randomly drawn steps, short ones more often (log-uniform).

    Near steps differ more from each other than far ones; evenly drawn ones cost 0.1 % of CRPS at
    step 1 on 2025-01..09 and won nothing at step 24.

    Args:
        matrix: features, ``n`` rows.
        targets: shape ``(n, horizon)``; rows with NaN at the drawn step are left out.
        per_row: steps drawn for each row.
        random: source of the draw.

    Returns:
        Inputs ``(m, features + 4)`` and targets ``(m,)``.
    """
    rows = np.repeat(np.arange(len(matrix)), per_row)
    horizon = targets.shape[1]
    drawn = np.exp(random.uniform(0.0, np.log(horizon + 1), size=len(rows)))
    steps = np.minimum(drawn.astype(np.intp), horizon)
    left = targets[rows, steps - 1]
    known = ~np.isnan(left)
    return _inputs(matrix, rows[known], steps[known]), left[known]


def predict_steps(boosting: HistGradientBoostingRegressor, matrix: Matrix, horizon: int) -> Floats:
    """Predictions for every row and step, shape ``(rows, horizon)``."""
    if not len(matrix):  # scikit-learn refuses to predict nothing
        return np.empty((0, horizon))
    rows = np.repeat(np.arange(len(matrix)), horizon)
    steps = np.tile(np.arange(1, horizon + 1), len(matrix))
    inputs = _inputs(matrix, rows, steps)
    with _thread_pools().limit(limits=1, user_api="openmp"):
        predicted = boosting.predict(inputs)
    return np.asarray(predicted).reshape(len(matrix), horizon)


@cache
def _thread_pools() -> ThreadpoolController:
    """One forecast takes 10 ms alone; threads that wait for a busy core made it seconds."""
    return ThreadpoolController()


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
    target_hours = (hours + steps * matrix.step_hours) % 24
    return np.column_stack(
        [matrix.values[rows], hours, weekdays * 24 + hours, steps, target_hours]
    ).astype(np.float64)
