"""Whether today looks like the training data: PSI and KS on features and errors. Pure."""

from tidecast.drift.change import CusumState, advance, loss_difference
from tidecast.drift.features import feature_drift, ks, psi

__all__ = ["CusumState", "advance", "feature_drift", "ks", "loss_difference", "psi"]
