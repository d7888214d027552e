"""Pure functions from candles to numbers known at a cutoff: no I/O, no clock, no settings."""
