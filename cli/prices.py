"""How prices are written for people."""


def price_text(price: float) -> str:
    """As many digits as a person wants: 10,345 and 172.31 and 0.08214."""
    if price >= 1000:
        return f"{price:,.0f}"
    return f"{price:.2f}" if price >= 1 else f"{price:.5f}"
