"""Measurements of serving, beside other servers in the same run; run by `make bench-serving`."""
