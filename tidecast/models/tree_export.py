"""Trees of a fitted scikit-learn boosting as plain arrays, read by Treelite.

scikit-learn has no public way to its trees; Treelite's importer follows its releases.
"""

from typing import Any

import numpy as np
import treelite

from tidecast.errors import FitFailed
from tidecast.models.trees import Trees


def export_trees(boosting: Any) -> Trees:
    """The trees of a fitted ``HistGradientBoostingRegressor``; they predict the same bits.

    Raises:
        FitFailed: they are beyond the limits of ``Trees``.
    """
    model = treelite.sklearn.import_model(boosting)
    trees = [model.get_tree_accessor(number) for number in range(model.num_tree)]

    def joined(field: str, dtype: type) -> Any:
        return np.concatenate([tree.get_field(field) for tree in trees]).astype(dtype)

    try:
        return Trees(
            columns=int(model.num_feature),
            baseline=float(model.get_header_accessor().get_field("base_scores")[0]),
            sizes=np.array([len(tree.get_field("cleft")) for tree in trees], dtype=np.int32),
            left=joined("cleft", np.int32),
            right=joined("cright", np.int32),
            column=joined("split_index", np.int32),
            threshold=joined("threshold", np.float64),
            missing_left=joined("default_left", np.bool_),
            value=joined("leaf_value", np.float64),
        )
    except ValueError as error:
        raise FitFailed(f"the boosting cannot be used: {error}") from error
