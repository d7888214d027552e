"""MLServer at its best: no worker processes, no metrics, a model that only answers a constant."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Constant(MLModel):
    """Answers 24 means, whatever is asked."""

    async def load(self) -> bool:
        """Make the answer."""
        mean = ResponseOutput(
            name="mean",
            shape=[24],
            datatype="FP64",
            data=[10_000.123456 + step for step in range(24)],
        )
        self._answer = InferenceResponse(model_name=self.name, outputs=[mean])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The constant."""
        return self._answer
