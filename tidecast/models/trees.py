"""Regression trees as arrays of nodes, checked when they are made and evaluated with NumPy."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from tidecast.forecasts import Floats
from tidecast.models.model import Arrays

MAX_TREES = 2_000
"""Five times what the search may choose."""
MAX_NODES = 512
"""Of one tree, five times what the search may choose; bounds the memory of a prediction."""
MAX_MAGNITUDE = 1e6
"""Of a leaf and of the baseline, which are standard deviations or log variances: those of a market
that hardly moved may be large, but not this large."""
BATCH_ROWS = 8_192
"""Rows evaluated at once: their columns fit into the cache of a core."""
_NO_CHILD = -1


@dataclass(frozen=True)
class Trees:
    """Sum of a baseline and of the leaf each tree leads to.

    The nodes of all trees are concatenated. A child comes after its parent; a leaf has children
    ``-1``. A row goes left where its value in ``column`` is at most ``threshold``, and where it is
    NaN if ``missing_left`` says so.

    Attributes:
        columns: of the inputs.
        sizes: nodes of each tree.
        left: child within the tree, shape ``(nodes,)`` like all that follow.

    Raises:
        ValueError: the arrays are no such trees.
    """

    PARTS: ClassVar = (
        "columns",
        "baseline",
        "sizes",
        "left",
        "right",
        "column",
        "threshold",
        "missing_left",
        "value",
    )

    columns: int
    baseline: float
    sizes: np.ndarray[Any, np.dtype[np.int32]]
    left: np.ndarray[Any, np.dtype[np.int32]]
    right: np.ndarray[Any, np.dtype[np.int32]]
    column: np.ndarray[Any, np.dtype[np.int32]]
    threshold: Floats
    missing_left: np.ndarray[Any, np.dtype[np.bool_]]
    value: Floats

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_nodes(self)

    def predict(self, inputs: Floats) -> Floats:
        """Predictions, shape ``(rows,)``; scikit-learn's to the last bit.

        Args:
            inputs: shape ``(rows, columns)``.

        Raises:
            ValueError: the inputs have another number of columns.
        """
        if inputs.shape[1] != self.columns:
            raise ValueError(f"{inputs.shape[1]} features, the trees have {self.columns}")
        predicted = np.full(len(inputs), self.baseline)
        for first in range(0, len(inputs), BATCH_ROWS):
            batch = slice(first, first + BATCH_ROWS)
            columns = np.ascontiguousarray(inputs[batch].T)
            for tree in self._nodes:
                predicted[batch] += _evaluate(tree, columns)
        return predicted

    def state(self) -> Arrays:
        """Arrays for ``from_state``."""
        return {part: np.asarray(getattr(self, part)) for part in self.PARTS}

    @classmethod
    def from_state(cls, arrays: Arrays) -> Self:
        """The inverse of ``state``.

        Raises:
            ValueError: the arrays are no trees.
        """
        columns, baseline = arrays["columns"], arrays["baseline"]
        if columns.shape or baseline.shape or columns.dtype.kind != "i":
            raise ValueError("number of columns and baseline of the trees are no single numbers")
        rest = {part: arrays[part] for part in cls.PARTS[2:]}
        return cls(int(columns), float(baseline), **rest)

    @cached_property
    def _nodes(self) -> list["_Tree"]:
        ends = np.cumsum(self.sizes)
        parts = (self.left, self.right, self.column, self.threshold, self.missing_left, self.value)
        return [
            list(zip(*(part[end - size : end].tolist() for part in parts), strict=True))
            for size, end in zip(self.sizes, ends, strict=True)
        ]


_Tree = list[tuple[int, int, int, float, bool, float]]
"""Nodes as Python numbers: left, right, column, threshold, missing_left, value."""


def _evaluate(tree: _Tree, columns: Floats) -> Floats | float:
    """Value of each row, from the leaves up: a node chooses between the values of its children.

    No row is followed down the tree, so the work is the same for any content.
    """
    values: list[Any] = [None] * len(tree)
    for position in range(len(tree) - 1, -1, -1):
        left, right, column, threshold, missing_left, value = tree[position]
        if left == _NO_CHILD:
            values[position] = value
            continue
        inputs = columns[column]
        # A comparison with NaN is False.
        values[position] = (
            np.where(inputs > threshold, values[right], values[left])
            if missing_left
            else np.where(inputs <= threshold, values[left], values[right])
        )
        values[left] = values[right] = None
    root: Floats | float = values[0]
    return root


def _check_shapes(trees: Trees) -> None:
    kinds: dict[str, type] = {
        "sizes": np.int32,
        "left": np.int32,
        "right": np.int32,
        "column": np.int32,
    }
    kinds |= {"threshold": np.float64, "missing_left": np.bool_, "value": np.float64}
    for part, dtype in kinds.items():
        array = getattr(trees, part)
        if array.ndim != 1 or array.dtype != dtype:
            raise ValueError(f"{part} of the trees has shape {array.shape} and type {array.dtype}")
    sizes = trees.sizes
    if not 1 <= len(sizes) <= MAX_TREES or sizes.min() < 1 or sizes.max() > MAX_NODES:
        raise ValueError(
            f"{len(sizes)} trees; allowed: 1 to {MAX_TREES}, each of 1 to {MAX_NODES} nodes"
        )
    nodes = int(sizes.sum(dtype=np.int64))
    wrong = [part for part in kinds if part != "sizes" and len(getattr(trees, part)) != nodes]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} of the trees do not have {nodes} nodes")


def _check_nodes(trees: Trees) -> None:
    """Children lie behind their node and each has one parent: all are reached, none twice."""
    sizes, left, right = trees.sizes, trees.left, trees.right
    ends = np.repeat(np.cumsum(sizes), sizes)
    starts = ends - np.repeat(sizes, sizes)
    position = np.arange(len(left))
    is_leaf = (left == _NO_CHILD) & (right == _NO_CHILD)
    inner = ~is_leaf
    for child in (left, right):
        absolute = starts + child
        if (inner & ((absolute <= position) | (absolute >= ends))).any():
            raise ValueError("a child does not lie behind its node in its tree")
    parents = np.bincount((starts + left)[inner], minlength=len(left))
    parents = parents + np.bincount((starts + right)[inner], minlength=len(left))
    if (parents != (position != starts)).any():
        raise ValueError("a node of the trees does not have exactly one parent")
    column = trees.column[inner]
    if ((column < 0) | (column >= trees.columns)).any():
        raise ValueError(f"a node asks for a column beyond the {trees.columns} features")
    if np.isnan(trees.threshold[inner]).any():
        raise ValueError("a threshold of the trees is NaN")
    largest = np.abs(np.append(trees.value[is_leaf], trees.baseline)).max()
    if not largest <= MAX_MAGNITUDE:
        raise ValueError(f"a leaf or the baseline is {largest}; allowed: up to {MAX_MAGNITUDE:g}")
