"""Forecasts as representations; the default one of a market is written at most once a second."""

from collections.abc import Sequence
from hashlib import blake2b

from service.dataplane import Answer, DataPlane
from service.messages import MissingForecast, dump
from service.rest.representation import Representation
from tidecast.timeframes import Market


class ForecastPages:
    """What GET answers about forecasts. For one thread: that of the event loop."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._defaults: dict[Market, tuple[Answer, Representation]] = {}

    def default(self, market: Market) -> Representation:
        """The answer with all steps and the default levels.

        It is kept until its age is a second old, or anything else in it changes.

        Raises:
            UnknownMarket: the market is not configured.
            ForecastUnavailable: there is no forecast.
        """
        kept = self._defaults.get(market)
        if kept is not None and self._plane.is_current(kept[0]):
            return kept[1]
        answer = self._plane.forecast(market.symbol, market.interval)
        page = self.one(answer)
        self._defaults[market] = (answer, page)
        return page

    def one(self, answer: Answer) -> Representation:
        """One forecast."""
        return Representation(answer.to_json(), answer.tag(), self._plane.keep_seconds(answer))

    def all(
        self, answers: Sequence[Answer], missing: Sequence[tuple[Market, str]]
    ) -> Representation:
        """The forecasts of all markets; one that is missing may be there at any moment."""
        absent = b",".join(
            dump(MissingForecast(symbol=market.symbol, interval=market.interval, reason=reason))
            for market, reason in missing
        )
        present = b",".join(answer.to_json() for answer in answers)
        told = b"".join((*(answer.tag().encode() for answer in answers), absent))
        keep = 0 if missing else min(self._plane.keep_seconds(answer) for answer in answers)
        return Representation(
            b'{"forecasts":[%b],"missing":[%b]}' % (present, absent),
            blake2b(told, digest_size=8).hexdigest(),
            keep,
        )
