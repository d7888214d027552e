"""Which column is the volume, and in which unit: Tidecast counts it in base coin."""

from dataclasses import dataclass

from cli.candle_files.table import Table
from tidecast.errors import InvalidParameter

PLAIN = ("volume", "vol", "v")
BASE = ("basevolume", "volumebase", "volumefrom")
QUOTE = ("quotevolume", "volumequote", "quoteassetvolume", "volumeto", "volumecurrency", "turnover")
QUOTE_SIGNS = ("adjclose", "dividends", "stocksplits", "marketcap")
YFINANCE_HEADER = {"price", "ticker"}
"""Columns, and header rows, of sources whose plain volume is in quote currency: Yahoo and
CoinMarketCap."""
CURRENCIES = (
    "usd",
    "usdt",
    "usdc",
    "busd",
    "fdusd",
    "tusd",
    "eur",
    "gbp",
    "jpy",
    "krw",
    "try",
    "brl",
)


@dataclass(frozen=True)
class Volume:
    """Where the volume is.

    Attributes:
        column: its position, None when there is none.
        unit: ``base``, or ``quote``, which is divided by the close.
    """

    column: int | None
    unit: str = "base"


def find_volume(
    table: Table, names: list[set[str]], base: tuple[str, ...], symbol: str | None
) -> Volume:
    """Find the volume in base coin, or else the one in quote currency.

    Args:
        table: the table.
        names: plain headers of each column.
        base: names of the base coin, empty strings when it is not known.
        symbol: of the market, ``BTC-USD``.

    Raises:
        InvalidParameter: several columns may be meant.
    """
    coins = {coin.lower() for coin in base if coin}
    base_names = {*BASE, *(word + coin for word in PLAIN for coin in coins)}
    quote = () if symbol is None else (symbol.partition("-")[2].lower(),)
    quote_names = {*QUOTE, *(word + coin for word in PLAIN for coin in (*CURRENCIES, *quote))}
    quote_names -= base_names
    found = _only(table, names, base_names)
    if found is not None:
        return Volume(found)
    found = _only(table, names, set(PLAIN))
    if found is not None:
        in_quote = any(words & set(QUOTE_SIGNS) or words >= YFINANCE_HEADER for words in names)
        return Volume(found, "quote" if in_quote else "base")
    others = _named_after_a_coin(names) - quote_names
    if len(others) == 1 and not coins:
        return Volume(_only(table, names, others))
    if others:
        raise InvalidParameter(
            f"unclear which column is the volume: {', '.join(sorted(others))}",
            field="file",
            allowed="volume in base coin, headed volume",
        )
    found = _only(table, names, quote_names)
    return Volume(found, "base" if found is None else "quote")


def _named_after_a_coin(names: list[set[str]]) -> set[str]:
    """Names like volumebtc; words longer than a coin's name are something else."""
    return {
        word
        for words in names
        for word in words
        if word.startswith("volume") and 2 <= len(word) - len("volume") <= 6
    } - {*BASE, *QUOTE}


def _only(table: Table, names: list[set[str]], options: set[str]) -> int | None:
    found = [column for column, words in enumerate(names) if words & options]
    if len(found) > 1:
        raise InvalidParameter(
            f"{len(found)} columns may be the volume: "
            + ", ".join(table.name(column) for column in found),
            field="file",
            allowed="one volume column per unit, and one market in a file",
        )
    return found[0] if found else None
