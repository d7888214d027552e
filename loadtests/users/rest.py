"""A user of REST: mostly the default forecast, sometimes the rest."""

from typing import Any

from locust import FastHttpUser, task

from loadtests.options import authorization
from loadtests.users.asking import ask, paced

REST = "REST"
STEPS = b'"steps":['


class RestUser(FastHttpUser):
    """Asks over REST."""

    kind = REST
    wait_time = paced()

    def on_start(self) -> None:
        """Read the options."""
        options = self.environment.parsed_options
        self.symbol = options.symbol
        self.headers = authorization(options)

    @task(10)
    def forecast(self) -> None:
        """The default answer."""
        self._ask("GET /v1/forecasts/{symbol}", f"/v1/forecasts/{self.symbol}", STEPS)

    @task(3)
    def part(self) -> None:
        """A few steps and levels."""
        path = f"/v1/forecasts/{self.symbol}?horizon=6&levels=0.05,0.5,0.95"
        self._ask("GET /v1/forecasts/{symbol} part", path, STEPS)

    @task(3)
    def posted(self) -> None:
        """The BentoML API."""
        body = {"symbol": self.symbol, "horizon": 12}
        self._ask("POST /forecast", "/forecast", STEPS, body=body)

    @task(2)
    def everything(self) -> None:
        """All markets."""
        self._ask("GET /v1/forecasts", "/v1/forecasts", b'"forecasts":[')

    @task(1)
    def models(self) -> None:
        """Champions and their history."""
        self._ask("GET /v1/models", "/v1/models", b'"markets":[')

    @task(1)
    def scores(self) -> None:
        """The scoreboard, which comes from the store."""
        self._ask("GET /v1/scores/{symbol}", f"/v1/scores/{self.symbol}", b'"symbol"')

    @task(1)
    def candles(self) -> None:
        """Candles, which come from the store."""
        path = f"/v1/candles/{self.symbol}?limit=24"
        self._ask("GET /v1/candles/{symbol}", path, b'"candles":[')

    def _ask(self, name: str, path: str, needle: bytes, body: dict[str, Any] | None = None) -> None:
        ask(self, REST, name, path, needle, self.headers, body)
