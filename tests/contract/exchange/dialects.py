"""How each exchange writes candles, and which of them a request is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.exchange.scripted_server import START, Asked, Reply
from tidecast.timeframes import EPOCH, interval_length

PRICES_AND_VOLUME = ("open", "high", "low", "close", "volume")


class Dialect:
    """How one exchange writes candles, and which of them a request is about."""

    pair = "BTC-USD"
    unknown_pair = "NOPE-USD"
    interval = "1h"
    per_request = 1000
    needs_key = False
    text_numbers = False
    history_path = ""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def length(self) -> timedelta:
        return interval_length(self.interval)

    def candle(self, i: int, **values: Any) -> dict[str, Any]:
        """Candle number ``i`` after START, a fine one unless ``values`` say otherwise."""
        close = 100.0 + i % 17
        fine = {"open": 100.0, "high": 120.0, "low": 90.0, "close": close, "volume": 1.5 + i % 5}
        return {"time": START + i * self.length, **fine, **values}

    def number(self, value: Any) -> Any:
        return value

    def row(self, candle: dict[str, Any]) -> Any:
        raise NotImplementedError

    def wrap(self, rows: list[Any]) -> Any:
        return rows

    def window(self, query: dict[str, str]) -> tuple[datetime, datetime]:
        raise NotImplementedError

    def page(self, candles: list[dict[str, Any]]) -> Any:
        return self.wrap([self.row(candle) for candle in candles])

    def answer(self, candles: list[dict[str, Any]], asked: Asked) -> Reply:
        """What the exchange does: the candles of the window, at most ``per_request``."""
        first, last = self.window(asked.query)
        inside = [candle for candle in candles if first <= candle["time"] <= last]
        return Reply(self.page(inside[: self.per_request]))

    def seconds(self, candle: dict[str, Any]) -> Any:
        time = candle["time"]
        return int(time.timestamp()) if isinstance(time, datetime) else time


def unix(text: str) -> datetime:
    return EPOCH + timedelta(seconds=int(text))


def unix_ms(text: str) -> datetime:
    return EPOCH + timedelta(milliseconds=int(text))


def as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


class BinanceDialect(Dialect):
    pair, text_numbers = "BTCUSDT", True

    def row(self, candle):
        time = candle["time"]
        begin = int(time.timestamp() * 1000) if isinstance(time, datetime) else time
        numbers = [as_text(candle[name]) for name in PRICES_AND_VOLUME]
        return [begin, *numbers, 0, "2434.19", 308, "1756.87", "28.46", "0"]

    def window(self, query):
        return unix_ms(query["startTime"]), unix_ms(query["endTime"])


class CoinbaseDialect(Dialect):
    per_request = 300

    def row(self, candle):
        names = ("low", "high", "open", "close", "volume")
        return [self.seconds(candle), *(candle[name] for name in names)]

    def wrap(self, rows):
        return rows[::-1]

    def window(self, query):
        return datetime.fromisoformat(query["start"]), datetime.fromisoformat(query["end"])


class KrakenDialect(Dialect):
    pair, text_numbers, per_request = "XBTUSD", True, 721

    def row(self, candle):
        numbers = [as_text(candle[name]) for name in PRICES_AND_VOLUME]
        return [self.seconds(candle), *numbers[:4], "37100.0", numbers[4], 320]

    def wrap(self, rows):
        return {"error": [], "result": {"XXBTZUSD": rows, "last": 2_000_000_000}}

    def window(self, query):
        return unix(query["since"]) + timedelta(seconds=1), datetime(2100, 1, 1, tzinfo=UTC)


class BitstampDialect(Dialect):
    pair, text_numbers = "btcusd", True

    def row(self, candle):
        numbers = {name: as_text(candle[name]) for name in PRICES_AND_VOLUME}
        return {"timestamp": as_text(self.seconds(candle)), **numbers}

    def wrap(self, rows):
        return {"data": {"pair": "BTC/USD", "ohlc": rows}}

    def window(self, query):  # the end wins: `limit` rows ending there
        end = unix(query["end"])
        length = timedelta(seconds=int(query["step"]))
        last = EPOCH + (end - EPOCH) // length * length
        return last - (int(query["limit"]) - 1) * length, last


class CryptoCompareDialect(Dialect):
    needs_key, per_request = True, 2001

    def row(self, candle):
        numbers = {name: candle[name] for name in PRICES_AND_VOLUME[:4]}
        volume = {"volumefrom": candle["volume"], "volumeto": 1.0}
        return {"time": self.seconds(candle), **numbers, **volume, "conversionType": "direct"}

    def wrap(self, rows):
        return {"Response": "Success", "Type": 100, "Data": {"Aggregated": False, "Data": rows}}

    def window(self, query):
        last = unix(query["toTs"])
        return last - int(query["limit"]) * self.length, last


class CoinCapDialect(Dialect):
    pair, needs_key, text_numbers = "binance/bitcoin/tether", True, True
    per_request = 500

    def row(self, candle):
        time = candle["time"]
        begin = int(time.timestamp() * 1000) if isinstance(time, datetime) else time
        return {**{name: as_text(candle[name]) for name in PRICES_AND_VOLUME}, "period": begin}

    def wrap(self, rows):
        return {"data": rows, "timestamp": 1744796832910}

    def window(self, query):
        return unix_ms(query["start"]), unix_ms(query["end"])


class CoinPaprikaDialect(Dialect):
    pair, interval, per_request = "btc-bitcoin/usd", "1d", 366

    def row(self, candle):
        time = candle["time"]
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(time, datetime) else time
        numbers = {name: candle[name] for name in PRICES_AND_VOLUME[:4]}
        volume = in_quote_currency(candle)
        return {"time_open": begin, "time_close": "x", **numbers, "volume": volume}

    def window(self, query):
        return datetime.fromisoformat(query["start"]), datetime.fromisoformat(query["end"])


class YahooDialect(Dialect):
    per_request = 10**6

    def row(self, candle):
        numbers = [candle[name] for name in PRICES_AND_VOLUME[:4]]
        return [self.seconds(candle), *numbers, in_quote_currency(candle)]

    def wrap(self, rows):
        times, *columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 6
        quote = dict(zip(PRICES_AND_VOLUME, columns, strict=True))
        result = {"meta": {}, "timestamp": times, "indicators": {"quote": [quote]}}
        return {"chart": {"result": [result], "error": None}}

    def window(self, query):
        return unix(query["period1"]), unix(query["period2"])


def in_quote_currency(candle: dict[str, Any]) -> Any:
    volume, close = candle["volume"], candle["close"]
    if type(volume) is float and type(close) is float and close > 0:
        return volume * close
    return volume


DIALECTS = {
    "binance": BinanceDialect,
    "coinbase": CoinbaseDialect,
    "kraken": KrakenDialect,
    "bitstamp": BitstampDialect,
    "cryptocompare": CryptoCompareDialect,
    "coincap": CoinCapDialect,
    "coinpaprika": CoinPaprikaDialect,
    "yahoo": YahooDialect,
}
