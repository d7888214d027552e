"""Candle files of any common form: read with `read_candles`, written as Parquet."""

from cli.candle_files.reader import CandleFile, read_candles
from cli.candle_files.summary import describe, refused_lines, summary
from cli.candle_files.writer import write_candles

__all__ = ["CandleFile", "describe", "read_candles", "refused_lines", "summary", "write_candles"]
