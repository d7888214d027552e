"""How prices are written for people, from satoshis to millions."""

from math import floor, isfinite, log10

SIGNIFICANT_DIGITS = 4
SPAN_DIGITS = 2
"""Digits that resolve a hundredth of the range in which prices are compared."""
MOST_DIGITS = 9
"""A range narrower than these digits is a rounding error."""
LEAST_POSITIONAL = 1e-6
"""Smaller prices are written with an exponent: zeros in such a number cannot be counted."""


def price_text(price: float, span: float = 0.0) -> str:
    """A price with as many digits as a person needs: 10,345 and 172.31 and 0.000012 and 1.2e-8.

    Args:
        price: what to write.
        span: difference between the highest and the lowest of the prices it is compared with; all
            of them then have the digits that tell them apart.
    """
    if not isfinite(price) or price == 0:
        return f"{price:g}"
    rounded = f"{abs(price):.{SIGNIFICANT_DIGITS - 1}e}"
    magnitude = int(rounded.partition("e")[2])
    decimals = 0 if magnitude >= 3 else max(2, SIGNIFICANT_DIGITS - 1 - magnitude)
    if span > 0:
        needed = SPAN_DIGITS - 1 - floor(log10(span))
        decimals = max(decimals, min(needed, MOST_DIGITS - 1 - magnitude))
    if abs(price) >= LEAST_POSITIONAL:
        text, exponent = f"{price:,.{decimals}f}", ""
    else:
        text, exponent = f"{price / 10.0**magnitude:.{decimals + magnitude}f}", f"e{magnitude}"
    trimmed = text.rstrip("0").rstrip(".") if magnitude < 0 and not span else text
    return trimmed + exponent
