"""BentoML as it comes: one `@api` with default settings, a pydantic model in and out.

Its answer is constant and has 639 bytes, so that nothing but the server is measured.
"""

import bentoml
from pydantic import BaseModel

ANSWER_BYTES = 639


class Forecast(BaseModel):
    """An answer of the size that is wanted."""

    symbol: str
    cutoff: str
    mean: list[float]
    padding: str = ""


def _constant() -> Forecast:
    made = Forecast(
        symbol="BTC-USD",
        cutoff="2025-01-01T00:00:00Z",
        mean=[10_000.123456 + step for step in range(24)],
    )
    missing = ANSWER_BYTES - len(made.model_dump_json())
    return made.model_copy(update={"padding": "x" * missing})


CONSTANT = _constant()


@bentoml.service
class Stock:
    """The quickest kind of route that BentoML has: keyword arguments in, a model out, async."""

    @bentoml.api
    async def constant(self, symbol: str) -> Forecast:
        """The constant."""
        return CONSTANT
