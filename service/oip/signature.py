"""The one model of the protocol: its name, its tensors, and how many values each holds."""

from dataclasses import dataclass

MODEL = "tidecast"
PLATFORM = "tidecast_forecast"
EXTENSIONS = ("binary_tensor_data",)
ANY = -1
"""A length that varies, in a shape."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a tensor is.

    Attributes:
        datatype: as the protocol names it.
        shape: length along each dimension, ``ANY`` where it varies.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    required: bool = False


INPUTS = {
    spec.name: spec
    for spec in (
        TensorSpec("symbol", "BYTES", (1,), required=True),
        TensorSpec("interval", "BYTES", (1,)),
        TensorSpec("horizon", "INT64", (1,)),
        TensorSpec("quantile_levels", "FP64", (ANY,)),
    )
}
"""No other datatype is bent into these: a level of 0.05 in FP32 is none that is served."""
OUTPUTS = {
    spec.name: spec
    for spec in (
        TensorSpec("timestamps", "INT64", (ANY,)),
        TensorSpec("mean", "FP64", (ANY,)),
        TensorSpec("quantiles", "FP64", (ANY, ANY)),
        TensorSpec("quantile_levels", "FP64", (ANY,)),
    )
}
