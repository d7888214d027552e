"""Gradient boosting over all steps at once: the step is a feature, the rows are stacked.

scikit-learn fits it; the trees are kept as plain arrays and evaluated with NumPy. Arrays from a
file are data to check, so no content of an artifact can make a process read foreign memory or loop.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tidecast.features.grid import Positions
from tidecast.features.matrix import Matrix
from tidecast.forecasts import Floats
from tidecast.models.model import Arrays
from tidecast.models.trees import Trees

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


@dataclass(frozen=True)
class Boosting:
    """Fitted boosting of stacked rows, as ``sample_steps`` makes them."""

    trees: Trees

    @classmethod
    def fit(
        cls,
        inputs: Floats,
        targets: Floats,
        seed: int,
        trees: int | None = None,
        parameters: BoostingParameters = CHOSEN,
    ) -> Self:
        """Fit with scikit-learn.

        Args:
            inputs: shape ``(m, features + 4)``.
            targets: shape ``(m,)``.
            seed: of scikit-learn.
            trees: stands in for those of the parameters.
            parameters: of the boosting.

        Raises:
            FitFailed: the trees are beyond the limits of ``Trees``.
        """
        # Imported here: only a training needs them.
        from sklearn.ensemble import HistGradientBoostingRegressor

        from tidecast.models.tree_export import export_trees

        fitted = HistGradientBoostingRegressor(
            max_iter=parameters.trees if trees is None else trees,
            learning_rate=parameters.learning_rate,
            max_leaf_nodes=parameters.max_leaf_nodes,
            min_samples_leaf=parameters.min_samples_leaf,
            l2_regularization=parameters.l2_regularization,
            early_stopping=False,
            random_state=seed,
        ).fit(inputs, targets)
        return cls(export_trees(fitted))

    def predict_steps(self, matrix: Matrix, horizon: int) -> Floats:
        """Predictions for every row and step, shape ``(rows, horizon)``."""
        rows = np.repeat(np.arange(len(matrix)), horizon)
        steps = np.tile(np.arange(1, horizon + 1), len(matrix))
        predicted = self.trees.predict(_inputs(matrix, rows, steps))
        return predicted.reshape(len(matrix), horizon)

    def state(self, name: str) -> Arrays:
        """Arrays for ``from_state``, their names beginning with ``name``."""
        return {f"{name}_{part}": array for part, array in self.trees.state().items()}

    @classmethod
    def from_state(cls, name: str, arrays: Arrays) -> Self:
        """The inverse of ``state``.

        Raises:
            KeyError, ValueError: the arrays are no trees.
        """
        return cls(Trees.from_state({part: arrays[f"{name}_{part}"] for part in Trees.PARTS}))


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


def _inputs(matrix: Matrix, rows: Positions, steps: Positions) -> Floats:
    hours, weekdays = matrix.hour[rows], matrix.weekday[rows]
    target_hours = (hours + steps * matrix.step_hours) % 24
    return np.column_stack(
        [matrix.values[rows], hours, weekdays * 24 + hours, steps, target_hours]
    ).astype(np.float64)
