"""The `tidecast` command; the only place that may import all processes."""
