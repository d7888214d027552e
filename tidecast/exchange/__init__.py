"""Adapters to exchanges and other public sources; one file per source, quirks stay inside it.

Every adapter answers raw rows with the source's own time; ``tidecast.candles.validate`` says
which of them are good, closed candles.
"""

from tidecast.exchange.catalogue import SOURCES, build_source
from tidecast.exchange.fear_greed import fetch_fear_greed
from tidecast.exchange.replay import ReplayExchange
from tidecast.exchange.source import Page, Source

__all__ = ["SOURCES", "Page", "ReplayExchange", "Source", "build_source", "fetch_fear_greed"]
