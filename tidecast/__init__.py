"""The core: what a candle, a feature, a forecast and a score is. No process starts here."""

__version__ = "0.1.0"
