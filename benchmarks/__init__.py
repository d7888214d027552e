"""Measurements of the numbers in the README; run by `make bench`, never by the tests."""
