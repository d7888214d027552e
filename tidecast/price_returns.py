"""Prices of a history that went away and came back: which of its runs to doubt for that."""

import heapq

import numpy as np

Bounds = list[tuple[int, int]]


def returned_rows(closes: np.ndarray, runs: Bounds, ratio: float) -> np.ndarray:
    """Rows of the runs whose neighbors agree with each other and are both at least as long.

    The run that is shortest in comparison with its neighbors goes first. They are one run from
    then on, so that several wrong pages between right ones are all found.

    Args:
        closes: of all rows, shape ``(n,)``.
        runs: first row and end of each run; together they are all rows.
        ratio: prices within this factor agree.

    Returns:
        bool, shape ``(n,)``.
    """
    chain = _Chain(closes, runs, ratio)
    waiting = [(share, run) for run in range(len(runs)) if (share := chain.share(run)) is not None]
    heapq.heapify(waiting)
    returned = np.zeros(len(closes), dtype=bool)
    while waiting:
        share, run = heapq.heappop(waiting)
        if share != chain.share(run):
            continue  # Its neighbors have changed since.
        first, end = chain.bounds(run)
        returned[first:end] = True
        for changed in chain.join_around(run):
            if (share_now := chain.share(changed)) is not None:
                heapq.heappush(waiting, (share_now, changed))
    return returned


class _Chain:
    """Runs in a row, of which those around a run can be joined to one."""

    def __init__(self, closes: np.ndarray, runs: Bounds, ratio: float) -> None:
        self._closes = closes
        self._ratio = ratio
        self._firsts = [first for first, _ in runs]
        self._ends = [end for _, end in runs]
        self._lengths = [end - first for first, end in runs]
        """Rows at the price of the run: without the rows of runs that it was joined over."""
        self._before = list(range(-1, len(runs) - 1))
        self._after = list(range(1, len(runs) + 1))
        self._joined = [False] * len(runs)

    def bounds(self, run: int) -> tuple[int, int]:
        """First row and end."""
        return self._firsts[run], self._ends[run]

    def share(self, run: int) -> float | None:
        """Length in comparison with both neighbors; None where the run is not to be doubted."""
        if self._joined[run]:
            return None
        before, after, length = self._before[run], self._after[run], self._lengths[run]
        if before < 0 or after == len(self._firsts):
            return None
        if length > min(self._lengths[before], self._lengths[after]):
            return None
        old, new = self._closes[self._ends[before] - 1], self._closes[self._firsts[after]]
        if max(old, new) > min(old, new) * self._ratio:
            return None
        return length / (self._lengths[before] + self._lengths[after])

    def join_around(self, run: int) -> tuple[int, ...]:
        """Join the neighbors of a run to one; returns the runs whose share may have changed."""
        before, after = self._before[run], self._after[run]
        following = self._after[after]
        self._joined[run] = self._joined[after] = True
        self._ends[before] = self._ends[after]
        self._lengths[before] += self._lengths[after]
        self._after[before] = following
        changed = [before]
        if following < len(self._firsts):
            self._before[following] = before
            changed.append(following)
        if self._before[before] >= 0:
            changed.append(self._before[before])
        return tuple(changed)
