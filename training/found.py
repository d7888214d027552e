"""What a search for boosting parameters has found."""

from dataclasses import dataclass

from tidecast.models.boosting import CHOSEN, BoostingParameters


@dataclass(frozen=True)
class Found:
    """Parameters to fit with.

    Attributes:
        trials: trials that were made, by all who share the search.
        gain_ratio: share of the loss in the folds that they save over those of the code.
    """

    parameters: BoostingParameters
    trials: int
    gain_ratio: float


NOTHING = Found(CHOSEN, 0, 0.0)
"""No search, or none that came to an end."""
